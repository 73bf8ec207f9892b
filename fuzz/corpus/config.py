# SPDX-License-Identifier: Apache-2.0
"""config.py FOLDER: a complete configuration, its parts, every kind of mistake once, and memory that is refused."""
import os
import sys

whole = '''# cardmuxd.conf
[daemon]
state = /var/lib/cardmux
run = /run/cardmux
user = cardmux   ; the daemon's own
group = cardmux
security-group = cardmux-so
audit-group = cardmux-audit
root-roles = operator, auditor
master-key = /etc/cardmux/master.key
passphrase-file = /run/credentials/passphrase
master-key-card = /usr/lib/libvendor_sdf.so
master-key-index = 2
master-key-kind = kek
master-key-code-file = /etc/cardmux/code
vsock = on

[card soft]
driver = soft
threads = 2
fault = delay:10
library = /usr/lib/libvendor.so

[broker]
wait = adaptive
deadline = 30000
workers = 2
code-attempts = 10
self-test = 3600

[audit]
file-size = 4096
checkpoint = 3600

[test]
sandbox-probe = execve
'''
seeds = [
    whole, '', '# nothing', '[card null]\n', '[card soft]\n[card null]\n', '[card]\n', '[card A B]\n',
    '[card ' + 'x' * 70 + ']\n', '[nonsense]\n', '[daemon]\nnonsense = 1\n', '[daemon]\nstate = relative\n',
    '[daemon]\nstate =\n', '[daemon] x\n', '[daemon] ; remark\nuser = a\n', '[daemon]\nuser = a\nuser = b\n',
    '[daemon]\nuser = a\n  continued\n', 'early = 1\n', '[broker]\nworkers = 0\n', '[broker]\nworkers = 65\n',
    '[broker]\nworkers = x\n', '[broker]\nworkers = 99999999999999999999\n', '[broker]\nwait = sleep\n',
    '[broker]\nwait = poll\n', '[broker]\nwait = never\n', '[broker]\nno equals sign\n', '[broken\n',
    '[daemon]\nuser = ' + 'a' * 400 + '\n', '[daemon]\nuser = a\0b\n', '\ufeff[daemon]\nuser = a\n',
    '[daemon]\r\nuser = a\r\n', '[daemon]\nuser = ' + 'a' * 150 + '\n', '[daemon]\nuser = ' + 'b' * 178 + '\n',
    '[daemon]\nroot-roles = all\n', '[daemon]\nroot-roles = none\nvsock = off\n', '[daemon]\nroot-roles = king\n',
    '[daemon]\nvsock = maybe\n', '[audit]\nfile-size = 63\n', '[broker]\nself-test = 0\n',
    '[daemon]\nmaster-key-kind = key-pair\n', '[daemon]\nmaster-key-kind = rsa\n',
    '[daemon]\nstate = /' + 'c' * 180 + '\n']
seeds = [seed.encode() for seed in seeds]
seeds += [bytes([0xff, number]) + seed for number in range(32) for seed in (whole.encode(), b'[card null]\n', b'')]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:02}'), 'wb') as file:
        file.write(seed)
