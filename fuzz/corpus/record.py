# SPDX-License-Identifier: Apache-2.0
"""record.py FOLDER: each type of record and each of its clear-text parts, valid, and with each field bad in turn."""
import os
import struct
import sys

seeds = []
LENGTHS = {1: ([40, 56, 96], [32], [0, 32], [0]), 2: ([120, 136], [32], [0, 32], [0, 32]),
           3: ([24], [16, 24, 32, 96, 15, 1160, 2312, 2313], [0, 96, 2312, 2313], [0, 52]),
           4: ([40], [0], [0], [0]), 5: ([40], [1, 128, 129], [0], [0]), 6: ([24], [1, 2048], [0, 2048, 2049], [0])}


def record(kind, lengths):
    parts = b''.join(struct.pack('<H', n + 28 if n else 0) + bytes(n + 28 if n else 0) for n in lengths)
    return b'CMV\x01' + struct.pack('<BBH', kind, 0, 24 + len(parts)) + bytes(range(16)) + parts


for kind, (metas, keys, encrypts, codes) in LENGTHS.items():
    for lengths in ((m, k, e, c) for m in metas for k in keys for e in encrypts for c in codes):
        whole = record(kind, lengths)
        seeds += [bytes([kind]) + whole, bytes([kind]) + whole[:-1], bytes([kind]) + whole[:30], bytes([0]) + whole]

root = struct.pack('<II', 7, 3) + bytes(range(32))
name = b'vm1'.ljust(32, b'\0')
tenant = struct.pack('<I32s16s7IQ', 1, name, b'0123456789ABCDEF', 0, 1000, 1000, 4, 64, 256, 100, 2) + bytes(range(32))
keys = [struct.pack('<BBHIIIQ', *row) for row in (
    (1, 0, 0, 1, 0, 256, 1700000000), (1, 3, 0, 1, 9, 256, 1), (2, 0, 0, 5, 0, 128, 1), (2, 0, 0, 5, 0, 100, 1),
    (2, 1, 0, 5, 0, 128, 1), (3, 0, 0, 1, 0, 4096, 1), (4, 1, 0, 1, 2, 256, 1), (5, 0, 0, 1, 0, 256, 1), (1, 0, 0, 0, 0, 256, 1), (1, 1, 0, 65536, 0, 256, 1))]
code = bytes([14, 8, 1, 0]) + bytes(range(48))
grown_root = root + struct.pack('<QII', 99, 2, 0)
head_root = root + struct.pack('<QIIQ', 99, 2, 4, 1000) + bytes(range(32))
grown = tenant + struct.pack('<BBHIII', 3, 1, 0, 1, 4, 7)
clear = [root, tenant, grown_root, head_root, grown, grown[:121] + bytes(15), *keys, code, b'\0' * 40, b'\x0f' + code[1:],
         tenant.replace(b'vm1', b'-m1'), tenant.replace(b'vm1', b'V 1'), tenant.replace(b'vm1\0\0', b'vm1\0x'),
         tenant.replace(name, b'a' * 32), tenant.replace(b'0123', b'\0123'), tenant[:76] + bytes(4) + tenant[80:]]
policies = [struct.pack('<5IIQQ', *row) for row in (
    (0, 0, 0, 64, 1 << 20, 0, 0, 0), (8, 8, 2, 1, 1, 1, 1, 0), (1, 0, 0, 1, 1, 0, 0, 0), (0, 1 << 31, 0, 1, 1, 0, 0, 0),
    (0, 0, 3, 1, 1, 0, 0, 0), (0, 0, 0, 5000, 1, 0, 0, 0), (0, 0, 0, 1, 1, 5000, 0, 0), (0, 0, 0, 1, 1, 0, 1 << 40, 0))]
files = [bytes(16) + struct.pack('<IIQQ', *row) for row in ((9, 1, 1, 0), (0, 1, 1, 0), (9, 129, 1, 0), (9, 1, 1, 1))]
chunks = [bytes(16) + struct.pack('<II', *row) for row in ((0, 1), (4095, 4096), (4096, 1), (0, 0), (0, 4097))]
seeds += [b'\x07' + part for part in clear + policies + files + chunks]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:03}'), 'wb') as file:
        file.write(seed)
