# SPDX-License-Identifier: Apache-2.0
"""archive.py FOLDER: each header, frame, body and share, valid, and with each field bad in turn."""
import hashlib
import os
import struct
import sys

seeds = []


def add(choice, good, *fields):
    """fields: (place, bytes) put over the good one, one at a time"""
    for place, bad in ((0, b''), *fields):
        seeds.append(bytes([choice]) + good[:place] + bad + good[place + len(bad):])
    seeds.append(bytes([choice]) + good[:-1])


keys = bytes(range(32)) + bytes(range(32, 64)) + bytes(range(64, 96))
for kind in (1, 2):
    add(0, b'CMSEALED' + struct.pack('<BBHI', 1, kind, 0, 65536) + keys + bytes(16),
        (0, b'X'), (8, b'\2'), (9, b'\3'), (10, b'\1'), (12, b'\1'), (112, b'\1'))
for word in (65552, 1 << 31 | 16, 1 << 31 | 65552, 15, 1 << 31 | 15, 1 << 31 | 65553, 16):
    seeds.append(b'\0' + struct.pack('<I', word))
add(1, struct.pack('<IIQ', 7, 0, 99) + bytes(48), (0, bytes(4)), (4, b'\1'))
name = b'vm1'.ljust(32, b'\0')
meta = struct.pack('<I32s16s7IQ', 1, name, b'0123456789ABCDEF', 0, 1000, 1000, 4, 64, 256, 100, 2) + bytes(range(32))
add(1, struct.pack('<II', 1, 0) + bytes(16) + bytes(range(32)) + bytes(64) + meta + struct.pack('<BBHIII', 3, 0, 0, 0, 0, 7),
    (0, b'\2'), (4, b'\1'), (4, b'\2'), (56, b'\1'))
add(1, struct.pack('<II', 1, 1) + bytes(16) + bytes(range(96)) + meta + struct.pack('<BBHIII', 3, 1, 0, 1, 2, 0), (4, b'\0'))
add(1, struct.pack('<IIQ', 2, 0, 3), (4, b'\1'))
for kind, length in ((b'R', 64), (b'T', 256), (b'K', 100), (b'K', 31), (b'K', 9000), (b'E', 16), (b'E', 17), (b'X', 1)):
    add(2, kind + bytes(3) + struct.pack('<I', length), (1, b'\1'))


def share(least, count, number, word='cardmux-share-1'):
    text = f'{word} 0123456789abcdef {least} {count} {number} {bytes(range(32)).hex()} '.encode()
    return text + hashlib.sha256(text).hexdigest()[:8].encode()


for good in (share(3, 5, 1), share(2, 16, 16), share(1, 5, 1), share(4, 3, 1), share(2, 17, 1), share(2, 3, 4),
             share('03', 5, 1), share(0, 5, 1), share(111, 5, 1), share(2, 3, 1, 'cardmux-share-2')):
    seeds += [b'\3' + good, b'\3' + good + b'\nmore', b'\3' + good[:40], b'\3' + good[:-1] + b'x', b'\3' + good + b' ']
    add(3, good, (16, b'G'), (32, b'x'), (40, b'!'), (len(good) - 9, b'x'))
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:03}'), 'wb') as file:
        file.write(seed)
