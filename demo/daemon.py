# SPDX-License-Identifier: Apache-2.0
"""daemon.py: a private cardmuxd: its configuration, state and sockets lie in one folder, and go with it."""
import json
import os
import shlex
import signal
import subprocess
import time

CONFIGURATION = """# made for one run
[daemon]
state = {folder}/state
run = {folder}/run
user = {user}
group = {group}

[card {driver}]
driver = {driver}
"""


class Daemon:
    def __init__(self, build, folder, user='nobody', group='nogroup', driver='soft'):
        self.build, self.folder, self.process = build, folder, None
        self.config, self.log = f'{folder}/cardmuxd.conf', f'{folder}/cardmuxd.log'
        os.makedirs(f'{folder}/run', mode=0o755)
        with open(self.config, 'w') as file:
            file.write(CONFIGURATION.format(folder=folder, user=user, group=group, driver=driver))

    def cardmux(self, *words, given=None):
        """Runs the command line tool on this daemon; its output. Fails loudly."""
        argv = [f'{self.build}/bin/cardmux', '--socket', f'{self.folder}/run/admin.sock', *words]
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f'cardmux {" ".join(words)}: {(done.stderr or done.stdout).strip()}')
        return done.stdout

    def start(self):
        self.cardmux('init', '--config', self.config)
        return self.serve()

    def serve(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([f'{self.build}/bin/cardmuxd', '--config', self.config], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 30
        while True:
            try:
                return self.status()
            except RuntimeError as problem:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f'cardmuxd does not serve ({problem}):\n{self.said()}') from problem
                time.sleep(0.05)

    def said(self):
        with open(self.log, errors='replace') as file:
            return file.read()[-4000:]

    def status(self):
        return json.loads(self.cardmux('status', '--json'))

    def tenants(self):
        """{name: its counters}"""
        rows = json.loads(self.cardmux('tenant', 'list', '--json'))['tenants']
        return {row['name']: row['counters'] for row in rows}

    def tenant(self, name, owner=None):
        """Adds a tenant with an SM2 key pair at index 1."""
        owner = ['--owner', str(owner)] if owner is not None else []
        self.cardmux('tenant', 'add', name, *owner)
        self.cardmux('key', 'generate', name, '--type', 'sm2', '--index', '1')

    def encryption_key(self, name):
        """The tenant's public encryption key at index 1, in hexadecimal."""
        keys = json.loads(self.cardmux('key', 'list', name, '--json'))['keys']
        return next(key['encrypt_public'] for key in keys if key['index'] == 1)

    def qemu_args(self, name, via='ivshmem'):
        return shlex.split(self.cardmux('qemu-args', name, '--via', via))

    def door(self, name, transport):
        return f'{self.folder}/run/tenant/{name}/{transport}.sock'

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
