#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_admin_cli.py CARDMUX SILENT: the command line against a daemon that is played by this program: what it sends, what it
prints, and its exit status (0 done, 1 failed, 2 usage). Prints TAP."""
import http.server
import json
import os
import pty
import shlex
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading

PROGRAM, SILENT = sys.argv[1:3]
COUNTERS = {'operations': 7, 'errors': 1, 'bytes': 9, 'doorbells': 2, 'wakeups': 3, 'card_ns': 4, 'regions': 1,
            'sessions': 1, 'handles': 0, 'rejects': {'key': 5, 'op': 0}}
TENANT = {'name': 'vm1', 'id': 1, 'serial': 'CM00000000000001', 'disabled': False, 'owner_uid': 0, 'owner_gid': 0,
          'max_connections': 16, 'max_sessions': 64, 'max_handles': 1024, 'weight': 100,
          'denied': ['files', 'debug'], 'access_codes': 'new-keys', 'max_files': 64, 'max_file_bytes': 4096, 'cid': 7, 'counters': COUNTERS}
KEY = {'kind': 'sm2', 'index': 1, 'bits': 256, 'has_code': True, 'failures': 0, 'locked': False, 'created': 86400,
       'sign_uses': 2, 'encrypt_uses': 3,
       'sign_public': 'ab' * 64, 'encrypt_public': 'cd' * 64}
STATUS = {'version': '0', 'generation': '00000000000000aa', 'uptime_s': 5, 'broker_pid': 1, 'tenants': 1,
          'card': {'name': 'soft', 'state': 'ok'}, 'master_key': 'card', 'total': COUNTERS, 'sleeps': 0, 'passes': 0}
ANSWERS = {
    'GET /v1/status': (200, STATUS),
    'GET /v1/tenants': (200, {'tenants': [TENANT, {**TENANT, 'name': 'a-longer-name', 'weight': 5}]}),
    'POST /v1/tenants': (201, TENANT),
    'GET /v1/tenants/vm1': (200, TENANT),
    'PATCH /v1/tenants/vm1': (204, None),
    'DELETE /v1/tenants/vm1': (204, None),
    'GET /v1/tenants/vm1/keys': (200, {'keys': [KEY]}),
    'POST /v1/tenants/vm1/keys': (201, KEY),
    'DELETE /v1/tenants/vm1/keys/sm2/1': (204, None),
    'POST /v1/tenants/vm1/keys/sm2/1/unlock': (204, None),
    'POST /v1/tenants/vm1/keys/sm2/1/code': (204, None),
    'POST /v1/tenants/vm1/keys/kek/1/unlock': (204, None),
    'POST /v1/tenants/vm1/keys/kek/1/code': (204, None),
    'DELETE /v1/tenants/vm1/keys/sm2/0': (204, None),
    'GET /v1/tenants/vm1/files': (200, {'files': [{'hex': '6162', 'text': 'ab', 'size': 9, 'created': 1},
                                                  {'hex': '00ff', 'size': 7, 'created': 1}]}),
    'DELETE /v1/tenants/vm1/files/6162': (204, None),
    'DELETE /v1/tenants/vm1/files/00ff': (204, None),
    'POST /v1/card/test': (204, None),
    'GET /v1/audit': (200, {'log': '00' * 16, 'key': 'ab' * 64, 'seq': 1, 'chain': '00' * 32, 'first_file': 1, 'last_file': 1,
                            'unsigned': 1, 'missed': 0, 'failing': False, 'vault': ''}),
    'GET /v1/audit/files/1/0': (200, {'text': 'not a line\n'}),
    'GET /v1/audit/files/1/11': (200, {'text': ''}),
    'POST /v1/audit/checkpoint': (200, {'text': 'a checkpoint\n'}),
}


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    seen = []
    override = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        key = f'{self.command} {self.path}'
        Daemon.seen.append((key, json.loads(body) if body else None))
        answers = Daemon.override.get(key)
        missing = {'error': {'code': 'not-found', 'message': 'there is no such thing'}}
        status, content = answers.pop(0) if answers else ANSWERS.get(key, (404, missing))
        text = content.encode() if isinstance(content, str) else json.dumps(content).encode() if content else b''
        self.send_response(status)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def address_string(self):
        return 'unix'

    def log_message(self, *args):
        pass


failed = number = 0


def check(name, ok, detail=''):
    global failed, number
    number += 1
    failed += not ok
    print(f'{"ok" if ok else "not ok"} {number} - {name}')
    if not ok and detail:
        print(f'# {detail}')


def run(line, stdin='', env=None):
    words = line if isinstance(line, list) else shlex.split(line)
    Daemon.seen.clear()
    return subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, text=True, timeout=60,
                          env={**os.environ, 'CARDMUX_ADMIN_SOCKET': SOCKET, **(env or {})})


def sends(line, request, body=None, stdin=''):
    done = run(line, stdin)
    check(f'{line}: sends {request}', done.returncode == 0 and Daemon.seen == [(request, body)],
          f'{done.returncode} {Daemon.seen} {done.stderr}')
    return done.stdout


def usage(line):
    done = run(line)
    check(f'{line}: usage', done.returncode == 2 and done.stderr.strip() and not Daemon.seen and not done.stdout,
          f'{done.returncode} {Daemon.seen} {done.stderr}')


def fails(line, words, env=None, stdin=''):
    done = run(line, stdin, env)
    check(f'{line}: fails and says "{words}"', done.returncode == 1 and words in done.stderr, f'{done.returncode} {done.stderr}')


def requests_that_are_sent(folder):
    sends('tenant add vm1', 'POST /v1/tenants', {'name': 'vm1'})
    sends('tenant add vm1 --owner 0:5 --max-connections 3 --max-sessions 4 --max-handles 5 --weight 6 --disable',
          'POST /v1/tenants', {'name': 'vm1', 'owner_uid': 0, 'owner_gid': 5, 'max_connections': 3, 'max_sessions': 4,
                               'max_handles': 5, 'weight': 6, 'disabled': True})
    sends('tenant add --owner 54321 vm1', 'POST /v1/tenants', {'name': 'vm1', 'owner_uid': 54321, 'owner_gid': 54321})
    sends('tenant add vm1 --owner root', 'POST /v1/tenants', {'name': 'vm1', 'owner_uid': 0, 'owner_gid': 0})
    sends('tenant set vm1 --deny rsa,files --deny sm9 --allow debug --access-codes always --max-files 0 --max-file-bytes 9',
          'PATCH /v1/tenants/vm1', {'deny': ['rsa', 'files', 'sm9'], 'allow': ['debug'], 'access_codes': 'always',
                                    'max_files': 0, 'max_file_bytes': 9})
    sends('tenant set vm1 --enable', 'PATCH /v1/tenants/vm1', {'disabled': False})
    sends('tenant set vm1 --cid 42', 'PATCH /v1/tenants/vm1', {'cid': 42})
    sends('tenant set vm1 --cid 0', 'PATCH /v1/tenants/vm1', {'cid': 0})
    sends('tenant remove vm1', 'DELETE /v1/tenants/vm1')
    sends('key generate vm1 --type kek --index 2 --bits 192'.replace('vm1', 'vm1'), 'POST /v1/tenants/vm1/keys',
          {'kind': 'kek', 'index': 2, 'bits': 192})
    sends('key generate vm1 --type sm2 --index 1', 'POST /v1/tenants/vm1/keys', {'kind': 'sm2', 'index': 1})
    sends('key destroy vm1 --type sm2 --index 1', 'DELETE /v1/tenants/vm1/keys/sm2/1')
    sends('key destroy vm1 --type sm2 --index 0', 'DELETE /v1/tenants/vm1/keys/sm2/0')
    sends('key set-code vm1 --index 1', 'POST /v1/tenants/vm1/keys/sm2/1/code', {})
    sends('key set-code vm1 --index 1 --code-file -', 'POST /v1/tenants/vm1/keys/sm2/1/code', {'code': 'pass word'},
          stdin='pass word\n')
    sends('key unlock vm1 --index 1', 'POST /v1/tenants/vm1/keys/sm2/1/unlock')
    sends('key set-code vm1 --type kek --index 1 --code-file -', 'POST /v1/tenants/vm1/keys/kek/1/code', {'code': 'pass word'},
          stdin='pass word\n')
    sends('key unlock vm1 --type kek --index 1', 'POST /v1/tenants/vm1/keys/kek/1/unlock')
    sends('file remove vm1 --name ab', 'DELETE /v1/tenants/vm1/files/6162')
    sends('file remove vm1 --hex 00FF', 'DELETE /v1/tenants/vm1/files/00ff')
    sends('card test', 'POST /v1/card/test')
    code = {'kind': 'sm2', 'index': 1, 'code': 'pass word'}
    sends('key generate vm1 --type sm2 --index 1 --code-file -', 'POST /v1/tenants/vm1/keys', code, stdin='pass word\n')
    path = f'{folder}/code'
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as file:
        file.write('pass word')
    sends(f'key generate vm1 --type sm2 --index 1 --code-file {path}', 'POST /v1/tenants/vm1/keys', code)
    for text, why in (('', 'empty'), ('x' * 257, 'too long'), ('a\0b', 'NUL')):
        done = run('key generate vm1 --type sm2 --index 1 --code-file -', text)
        check(f'an access code that is {why} is refused', done.returncode == 1 and not Daemon.seen, done.stderr)
    fails(f'key generate vm1 --type sm2 --index 1 --code-file {folder}/none', 'No such file')


def what_is_printed():
    out = run('tenant list').stdout.split('\n')
    check('tenant list: a heading and aligned rows', out[0].startswith('NAME') and
          out[1].index('CM0000') == out[2].index('CM0000') == out[0].index('SERIAL'), str(out))
    for line, want in (('tenant list --json', ANSWERS['GET /v1/tenants'][1]), ('tenant show vm1 --json', TENANT),
                       ('key list vm1 --json', {'keys': [KEY]}), ('status --json', STATUS),
                       ('key generate vm1 --type sm2 --index 1 --json', KEY), ('tenant add vm1 --json', TENANT)):
        done = run(line)
        check(f'{line}: the JSON of the daemon', done.returncode == 0 and json.loads(done.stdout) == want, done.stdout)
    point = '09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020' 'ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13'
    Daemon.override['GET /v1/tenants/vm1/keys'] = [(200, {'keys': [{**KEY, 'sign_public': point}]})]
    pem = run('key export-public vm1 --type sm2 --index 1').stdout
    told = subprocess.run(['openssl', 'pkey', '-pubin', '-text', '-noout'], input=pem, capture_output=True, text=True).stdout
    check('key export-public: openssl reads it', '09:f9:df:31' in told.replace('\n', '') and 'SM2' in told, told + pem)
    Daemon.override['GET /v1/tenants/vm1/keys'] = [(200, {'keys': [{**KEY, 'kind': 'rsa', 'bits': 2048,
                                                                    'sign_public': 'c1' * 256 + '0000000000010001'}]})]
    pem = run('key export-public vm1 --type rsa --index 1').stdout
    told = subprocess.run(['openssl', 'pkey', '-pubin', '-text', '-noout'], input=pem, capture_output=True, text=True).stdout
    check('key export-public: openssl reads RSA', '65537' in told and '2048 bit' in told, told + pem)
    check('key show: one key', 'ab' * 64 in run('key show vm1 --type sm2 --index 1').stdout)
    check('file list: names and sizes', all(word in run('file list vm1').stdout for word in ('ab', '00ff', '9')))
    check('tenant show: what is denied', 'files debug' in run('tenant show vm1').stdout)
    check('tenant --help-policy: the names', all(name in run('tenant --help-policy').stdout for name in ('debug', 'kek-handle', 'files', 'sm4')))
    check('tenant show: counters and rejects', 'rejected for key: 5' in run('tenant show vm1').stdout)
    check('key list: time and type', 'sm2   1      256   yes   no      0         2       3           1970-01-02T00:00:00Z' in run('key list vm1').stdout,
          run('key list vm1').stdout)
    line = run('qemu-args vm1').stdout
    words = shlex.split(line)
    check('qemu-args: four words on one line', line.count('\n') == 1 and words[0::2] == ['-chardev', '-device'], line)
    check('qemu-args: socket and device', f'path={os.path.dirname(SOCKET)}/tenant/vm1/ivshmem.sock' in words[1] and
          'vectors=16' in words[3] and 'master=on' in words[3] and 'reconnect' not in line, line)
    commands = [json.loads(part) for part in run('qemu-args vm1 --hotplug qmp --bus rp0').stdout.splitlines()]
    check('qemu-args --hotplug qmp: two commands', [part['execute'] for part in commands] == ['chardev-add', 'device_add'] and
          commands[1]['arguments']['bus'] == 'rp0')
    check('qemu-args --hotplug hmp', run('qemu-args vm1 --hotplug hmp').stdout.splitlines()[1].startswith('device_add ivshmem-doorbell,'))
    words = shlex.split(run('qemu-args vm1 --via vsock --memory 2G').stdout)
    check('qemu-args --via vsock', words[0::2] == ['-object', '-machine', '-chardev', '-device'] and
          words[1] == 'memory-backend-memfd,id=cardmux-vm1-memory,size=2G,share=on' and words[3] == 'memory-backend=cardmux-vm1-memory' and
          f'path={os.path.dirname(SOCKET)}/tenant/vm1/vsock.sock' in words[5] and 'reconnect' not in words[5] and
          words[7] == 'vhost-user-vsock-pci,id=cardmux-vm1-vsock,chardev=cardmux-vm1-vsock-door', str(words))
    commands = [json.loads(part) for part in run('qemu-args vm1 --via vsock --hotplug qmp').stdout.splitlines()]
    check('qemu-args --via vsock --hotplug qmp', commands[1]['arguments'] == {
        'driver': 'vhost-user-vsock-pci', 'id': 'cardmux-vm1-vsock', 'chardev': 'cardmux-vm1-vsock-door'}, str(commands))
    check('--help of every command', all(run(f'{name} --help').stdout.startswith('usage: cardmux ' + name) for name in
          ('init', 'tenant', 'key', 'qemu-args', 'card', 'audit', 'status', 'doctor')))
    check('--version', run('--version').stdout.startswith('cardmux '))


def what_goes_wrong(folder):
    for line in ('', 'nonsense', '--bogus', 'tenant', 'tenant frob vm1', 'tenant add', 'tenant add A', 'tenant add ../x',
                 'tenant add vm1 vm2', 'tenant list vm1', 'tenant add vm1 --weight 0', 'tenant add vm1 --weight 1001',
                 'tenant add vm1 --weight 1x', 'tenant add vm1 --weight', 'tenant add vm1 --owner no-such-user',
                 'tenant add vm1 --owner 1:', 'tenant set vm1', 'tenant set vm1 --enable --disable', 'file', 'file list', 'file list vm1 --name a', 'file remove vm1', 'file remove vm1 --hex 0',
                 'file remove vm1 --name a --hex 00', 'tenant set vm1 --deny dsa', 'tenant set vm1 --deny', 'tenant set vm1 --max-files 5000', 'tenant show vm1 --weight 3',
                 'tenant list --bogus', 'key', 'key frob vm1', 'key generate vm1 --index 1', 'key generate vm1 --type sm2',
                 'key generate vm1 --type dsa --index 1', 'key generate vm1 --type rsa --index 1 --bits 1024', 'key generate --type sm2 --index 1', 'key generate vm1 --type kek --index 0', 'key show vm1 --type sm2', 'key export-public vm1 --type kek --index 1',
                 'key set-code vm1', 'key list vm1 --usage sign', 'key destroy vm1 --type sm2 --index 1 --code-file -',
                 'key generate vm1 --type sm2 --index 65536',
                 'key destroy vm1 --type sm2 --index 1 --bits 128', 'key list vm1 --index 1', 'key list', 'key list vm1 vm2',
                 'key unlock vm1 --index 0 --type kek', 'key import vm1 --type sm2 --index 1', 'key import vm1 --type sm2 --index 1 --sign-file a', 'key import vm1 --type kek --index 1 --sign-file a --encrypt-file b',
                 'key import vm1 --type rsa --index 1 --key-file a', 'key import vm1 --type kek --index 1 --key-file - --code-file -', 'key import vm1 --type kek --index 0 --key-file a', 'key list vm1 --enveloped', 'key set-code vm1 --type dsa --index 1', 'card', 'card frob', 'status now', 'qemu-args', 'qemu-args vm1 vm2',
                 'qemu-args vm1 --via pigeon', 'qemu-args vm1 --via vsock --memory 2T', 'qemu-args vm1 --via vsock --memory ""', 'qemu-args vm1 --hotplug xml', 'qemu-args vm1 --bus "a b"', 'init --state relative',
                 'audit', 'audit frob', 'audit show --key 1', 'audit verify a b', 'audit verify a --state b', 'audit key --json',
                 'audit show --since soon', 'audit show --last 0', 'audit checkpoint --tenant vm1', 'init now', 'doctor --host --guest', 'doctor now', 'status --help=1'):
        usage(line)
    fails('tenant show other', 'there is no such thing')
    fails('audit verify', 'NOT GOOD: audit-00000001.log, line 1')
    fails('audit show', 'not lines of an audit log')
    fails(f'audit verify {folder}/none', 'No such file')
    fails(f'audit verify --state {folder}', 'there is no audit log')
    fails(f'audit verify --checkpoint {PROGRAM}', 'holds no checkpoint')
    fails('audit verify --key /dev/null', 'hexadecimal digits')
    check('audit key: the digits', run('audit key').stdout == 'ab' * 64 + '\n')
    check('audit checkpoint: the line', run('audit checkpoint').stdout == 'a checkpoint\n')
    fails('qemu-args other', 'there is no such thing')
    for way in ('virtio-crypto',):
        fails(f'qemu-args vm1 --via {way}', 'not in this release')
    fails('status', 'does not run', {'CARDMUX_ADMIN_SOCKET': f'{folder}/none'})
    fails(['--socket', f'{folder}/none', 'status'], 'does not run')
    fails(['--socket', '/' + 'x' * 200, 'status'], 'name too long')
    left = f'{folder}/left.sock'
    socketserver.UnixStreamServer(left, Handler).server_close()
    fails(['--socket', left, 'status'], 'nobody listens')
    Daemon.override = {'GET /v1/status': [(200, 'not JSON')]}
    fails('status', 'nothing that can be read')
    Daemon.override = {'GET /v1/status': [(200, {**STATUS, 'card': {'name': 'soft', 'state': 'failed'}})]}
    fails('status', 'does not serve')
    Daemon.override = {'POST /v1/card/test': [(500, {'error': {'code': 'failed', 'message': 'SM3 is wrong'}})]}
    fails('card test', 'SM3 is wrong')
    restart = (503, {'error': {'code': 'no-broker', 'message': 'restarting'}})
    Daemon.override = {'POST /v1/tenants': [restart, restart]}
    done = run('tenant add vm1')
    check('a broker that is being started anew is waited for', done.returncode == 0 and len(Daemon.seen) == 3, done.stderr)
    lost = (503, {'error': {'code': 'broker-lost', 'message': 'it is not known whether it was done'}})
    Daemon.override = {'POST /v1/tenants': [lost]}
    done = run('tenant add vm1')
    check('a change whose answer was lost is not sent again', done.returncode == 1 and len(Daemon.seen) == 1 and
          'not known' in done.stderr, done.stderr)
    Daemon.override = {}
    if os.geteuid() == 0:
        os.chmod(folder, 0o755)
        os.chmod(SOCKET, 0o660)
        done = subprocess.run([PROGRAM, '--socket', SOCKET, 'status'], capture_output=True, text=True, user=65534, group=65534,
                              extra_groups=[]) if os.access(PROGRAM, os.X_OK) else None
        check('permission denied is said, and who may', done.returncode == 1 and 'permission denied' in done.stderr, done.stderr)


def codes_on_a_terminal():
    """Typed twice, without echo."""
    for first, second, status in (('secret-1', 'secret-1', 0), ('secret-1', 'secret-2', 1)):
        Daemon.seen.clear()
        leader, follower = pty.openpty()
        child = subprocess.Popen([PROGRAM, '--socket', SOCKET, *'key generate vm1 --type sm2 --index 1 --code-file -'.split()],
                                 stdin=follower, stdout=follower, stderr=follower, close_fds=True)
        os.close(follower)
        shown = b''
        for prompt, text in ((b'Access code: ', first), (b'Once more: ', second)):
            while prompt not in shown:
                shown += os.read(leader, 1000)
            while not quiet(leader):
                pass
            os.write(leader, text.encode() + b'\n')
        try:
            while True:
                more = os.read(leader, 1000)
                if not more:
                    break
                shown += more
        except OSError:
            pass
        os.close(leader)
        check(f'a code typed twice ({"same" if status == 0 else "different"}) is not shown',
              child.wait(30) == status and b'secret' not in shown and bool(Daemon.seen) == (status == 0), str(shown))


def quiet(terminal):
    """Whether echo is off: the prompt comes before that, and typing must come after."""
    import termios
    return not termios.tcgetattr(terminal)[3] & termios.ECHO


def init_and_doctor(folder):
    state = f'{folder}/deep/state'
    done = run(['init', '--state', state])
    check('init makes key and vault', done.returncode == 0 and os.stat(f'{state}/master.key').st_mode & 0o777 == 0o600 and
          os.stat(state).st_mode & 0o777 == 0o700 and os.path.exists(f'{state}/vault.db'), done.stderr)
    with open(f'{state}/master.key', 'rb') as file:
        before = file.read()
    fails(['init', '--state', state], 'holds a vault already')
    with open(f'{state}/master.key', 'rb') as file:
        check('a second init leaves the key alone', file.read() == before)
    os.unlink(f'{state}/master.key')
    fails(['init', '--state', state], 'vault')
    check('a vault whose key is lost gets no new key', not os.path.exists(f'{state}/master.key'))
    config = f'{folder}/cardmuxd.conf'
    with open(config, 'w') as file:
        file.write(f'[daemon]\nstate = {state}\nrun = {folder}\n[card soft]\ndriver = soft\n')
    done = run(['doctor', '--host', '--config', config, '--json'])
    findings = {item['check']: item for item in json.loads(done.stdout)['findings']}
    check('doctor finds the missing key and fails', done.returncode == 1 and findings['master-key']['status'] == 'fail' and
          findings['master-key']['remedy'], done.stdout)
    check('doctor finds doors that are missing', findings['door']['status'] == 'fail' and findings['daemon']['status'] == 'ok', done.stdout)
    found = findings_of(['doctor', '--host', '--config', config], env={'CARDMUX_ADMIN_SOCKET': ''})
    check('doctor asks the daemon of its configuration', said(found, 'daemon', 'ok', 'the broker answers'), found)
    found = findings_of(['doctor', '--host', '--config', config], env={'CARDMUX_ADMIN_SOCKET': f'{folder}/none'})
    check('a socket that is named goes before it', said(found, 'daemon', 'fail', f'{folder}/none'), found)
    found = findings_of(['--socket', f'{folder}/none', 'doctor', '--host', '--config', config], env={'CARDMUX_ADMIN_SOCKET': ''})
    check('so does one of the option', said(found, 'daemon', 'fail', f'{folder}/none'), found)
    with open(os.open(f'{state}/master.key', os.O_CREAT | os.O_WRONLY, 0o600), 'wb') as file:
        file.write(before)
    os.chmod(f'{state}/master.key', 0o644)
    out = run(['doctor', '--host', '--config', config]).stdout
    check('doctor finds a key that others can read', 'has mode 0644' in out and '-> chmod 600' in out, out)
    with open(config, 'a') as file:
        file.write('[nonsense]\nx = 1\n')
    done = run(['doctor', '--host', '--config', config])
    check('doctor finds an error in the configuration', done.returncode == 1 and 'fail  config' in done.stdout, done.stdout)
    done = run(['doctor', '--guest', '--library', f'{folder}/libnone.so', '--json'], env={'CARDMUX_SOCKET': SOCKET})
    findings = {item['check']: item for item in json.loads(done.stdout)['findings']}
    check('doctor --guest finds a missing library', done.returncode == 1 and findings['library']['status'] == 'fail', done.stdout)
    check('doctor --guest finds a socket', findings['socket']['status'] == 'ok' and 'reach' not in findings, done.stdout)
    done = run(['doctor', '--guest', '--library', 'libc.so.6', '--json'], env={'CARDMUX_SOCKET': config})
    findings = {item['check']: item for item in json.loads(done.stdout)['findings']}
    check('doctor --guest finds what is no socket', findings['socket']['status'] == 'fail', done.stdout)
    done = run(['doctor', '--guest', '--library', 'libc.so.6', '--json'], env={'CARDMUX_SOCKET': f'{folder}/none'})
    findings = {item['check']: item for item in json.loads(done.stdout)['findings']}
    check('doctor --guest finds a library of another kind', findings['library']['status'] == 'fail' and
          'SDF_OpenDevice' in findings['library']['detail'], done.stdout)
    check('doctor --guest finds that there is no way to a host', 'device 0' in findings['device']['detail'] or
          findings['reach']['status'] == 'fail', done.stdout)


def findings_of(line, env=None):
    out = run(line + ['--json'], env=env).stdout
    return [(item['check'], item['status'], item['detail'], item['remedy'] or '') for item in json.loads(out)['findings']]


def said(findings, check_name, status, words):
    return any(one[0] == check_name and one[1] == status and words in one[2] for one in findings)


def doctor_and_doors(folder):
    """What is behind the doors, and whose machines the kernel's vsock would carry."""
    config, doors = f'{folder}/doors.conf', f'{folder}/tenant/vm1'
    with open(config, 'w') as file:
        file.write(f'[daemon]\nstate = {folder}/deep/state\nrun = {folder}\nvsock = on\n[card soft]\ndriver = soft\n')
    os.makedirs(doors)
    listeners = {name: socket.socket(socket.AF_UNIX) for name in ('unix.sock', 'ivshmem.sock', 'vsock.sock', 'stream.sock_21316')}
    for name, listener in listeners.items():
        listener.bind(f'{doors}/{name}')
        if name != 'unix.sock':
            listener.listen()
    machine = socket.socket(socket.AF_UNIX)
    machine.connect(f'{doors}/vsock.sock')
    connection = listeners['vsock.sock'].accept()
    machines = [subprocess.Popen([sys.executable, '-c', 'import sys; print(flush=True); sys.stdin.read()', 'x,guest-cid=' + cid],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE) for cid in ('7', '77')]
    for one in machines:
        one.stdout.readline()
    found = findings_of(['doctor', '--host', '--config', config])
    check('doctor finds a door that nobody listens to', said(found, 'door', 'warn', 'unix.sock is there, and nobody listens'), found)
    check('doctor finds a machine at its door', said(found, 'door', 'ok', 'vsock.sock is there; a virtual machine is connected'), found)
    check('doctor finds a door without a machine', said(found, 'door', 'ok', 'ivshmem.sock is there; no virtual machine'), found)
    check('doctor counts connections', said(found, 'door', 'ok', 'stream.sock_21316 is there; connections: 0'), found)
    check('doctor finds a machine whose CID no tenant has', said(found, 'vsock-cid', 'warn', f'process {machines[1].pid} is a virtual machine with CID 77'), found)
    check('doctor has nothing against one whose CID a tenant has', not any(f'{machines[0].pid} ' in one[2] for one in found), found)
    for one in machines:
        one.communicate()
    for one in (machine, connection[0], *listeners.values()):
        one.close()


def doctor_and_ways():
    """Which ways the library would try, and why."""
    for env, status, words in (({'CARDMUX_SOCKET': SOCKET}, 'ok', 'tries: unix (a socket is named'),
                               ({'CARDMUX_REACH': 'ivshmem'}, 'ok', 'tries: ivshmem-module, ivshmem-vfio, ivshmem-poll (named, so'),
                               ({'CARDMUX_REACH': 'stream,unix'}, 'ok', 'tries: stream, unix (named, in this order'),
                               ({'CARDMUX_REACH': 'pigeon'}, 'fail', "no reach 'pigeon'")):
        found = findings_of(['doctor', '--guest', '--library', 'libc.so.6'], env={'CARDMUX_VSOCK': 'off', **env})
        check(f'doctor --guest says which way with {env}', said(found, 'way', status, words), found)
    found = findings_of(['doctor', '--guest', '--library', SILENT], env={'CARDMUX_VSOCK': 'off'})
    check('doctor --guest says that nobody answered', said(found, 'card', 'fail', 'had no answer within 20 s'), found)


def doctor_and_streams(folder):
    """The way `stream` is one where it is named, and no other is needed beside it."""
    path = f'{folder}/stream.sock_21316'
    none = {'CARDMUX_VSOCK': 'off', 'CARDMUX_SOCKET': f'{folder}/none', 'CARDMUX_STREAM': path}
    line = ['doctor', '--guest', '--library', 'libc.so.6']
    found = findings_of(line, env={**none, 'CARDMUX_REACH': 'stream'})
    check('doctor --guest misses the socket of streams', said(found, 'stream', 'warn', 'no socket'), found)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        found = findings_of(line, env={**none, 'CARDMUX_REACH': 'stream'})
        check('doctor --guest takes a stream for a way', said(found, 'stream', 'ok', path) and
              not said(found, 'reach', 'fail', ''), found)
        found = findings_of(line, env={**none, 'CARDMUX_REACH': 'unix'})
        check('doctor --guest looks at streams only where they are tried', not any(one[0] == 'stream' for one in found), found)


with tempfile.TemporaryDirectory(prefix='cardmux-cli-') as FOLDER:
    SOCKET = f'{FOLDER}/admin.sock'
    with Daemon(SOCKET, Handler) as daemon:
        threading.Thread(target=daemon.serve_forever, daemon=True).start()
        requests_that_are_sent(FOLDER)
        what_is_printed()
        codes_on_a_terminal()
        what_goes_wrong(FOLDER)
        init_and_doctor(FOLDER)
        doctor_and_doors(FOLDER)
        doctor_and_ways()
        doctor_and_streams(FOLDER)
        daemon.shutdown()
print(f'1..{number}')
sys.exit(1 if failed else 0)
