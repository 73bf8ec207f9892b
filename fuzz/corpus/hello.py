# SPDX-License-Identifier: Apache-2.0
"""hello.py FOLDER: the greeting of a daemon that serves, of one that refuses, and everything that is not one."""
import os
import struct
import sys

MAGIC, REGION, SIZE = 0x3158554D44524143, 0x200000, 16384


def hello(magic=MAGIC, version=1, status=0, size=REGION, pairs=1, text=b''):
    return struct.pack('<QIIII104s', magic, version, status, size, pairs, text)


def header(magic=MAGIC, version=1, pairs=1, size=REGION, slots=64, slot=SIZE, param=512):
    return struct.pack('<QIIQIIIIIIII40s', magic, version, pairs, 1, size, slots, slot, param, 1, 2, 30000, 0, b'vm1')


good, event, pipe, own, unsealed, tiny = 0, 4, 5, 1, 2, 3
seeds = [bytes([3, good, event, event]) + hello(), bytes([3, good, event, event | 1]) + hello(),
         bytes([3, own, event, event]) + hello() + header()]
seeds.append(bytes([3, own, event, event]) + hello() + header(magic=0))
for change in ({'magic': 1}, {'version': 2}, {'pairs': 0}, {'pairs': 99}, {'size': 1 << 30},
               {'slots': 1}, {'slot': 1}, {'param': 1}):
    seeds.append(bytes([3, own, event, event]) + hello() + header(**change))
for change in ({'magic': 1}, {'version': 2}, {'status': 0x01000006, 'text': b'no such tenant'},
               {'status': 1, 'text': b'\xff' * 104}, {'size': 4096}, {'size': 0}, {'pairs': 2}):
    seeds.append(bytes([3, good, event, event]) + hello(**change))
for fds in ([0, 0, 0, 0], [2, good, event, event], [4, good, event, event], [11, good, event, event],
            [3, unsealed, event, event], [3, tiny, event, event], [3, event, event, event], [3, pipe, good, event], [3, good, pipe, pipe]):
    seeds.append(bytes(fds) + hello())
    seeds.append(bytes(fds) + hello(size=0))
    seeds.append(bytes(fds) + hello(size=4096))
seeds += [bytes(4), bytes([3, good, event, event]) + hello()[:50], bytes([0, 0, 0, 1])]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:02}'), 'wb') as file:
        file.write(seed)
