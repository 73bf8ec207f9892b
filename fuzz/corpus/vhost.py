# SPDX-License-Identifier: Apache-2.0
"""vhost.py FOLDER: what QEMU says, in its order, as fuzz_vhost.c reads it; and each request alone, good and odd."""
import os
import struct
import sys

SAY, RAW, DIE, USE = 0x00, 0xc0, 0xd0, 0xe0
MEMORY = 5


def say(request, choice=0, number=0, regions=bytes(7)):
    return bytes([SAY, request, choice, number]) + (regions if request == MEMORY else b'')


def odd(request, oddity, choice=1, regions=bytes(7), more=b''):
    first = next(byte for byte in range(128, 256) if byte % 36 == request)
    return bytes([SAY, first, choice, 0]) + (regions if request == MEMORY else b'') + bytes([oddity]) + more


memory, use = say(MEMORY, 1), bytes([USE])
ring = b''.join(say(8, 16 + i) + b''.join(say(request, i) for request in (10, 9, 12, 13)) for i in range(2))  # 16 entries
enable = say(18, 0, 1) + say(18, 1, 1)
up = say(1) + say(15) + say(16, 9) + say(17) + say(3) + say(2, 1) + memory + ring + enable
seeds = [up, up + use * 3, up + use + bytes([DIE, 0]) + use, up + bytes([DIE, 2, 4]) + bytes(20) + use, up + bytes([DIE, 1]) + bytes(40) + use,
         up + say(11, 0) + ring + use, up + say(34) + say(4), up + memory + use, up + say(MEMORY, 0) + use,
         bytes([RAW, 12, 1, 0, 0, 0, 1]) + bytes(7), bytes([RAW, 12]) + b'\xff' * 12]
seeds += [say(request, choice) for request in range(36) for choice in (0, 1, 0x40, 0x82, 0xff)]
seeds += [up + odd(request, oddity, more=bytes([9, 0, 0, 0, 20, 3, 1])) for request in range(36) for oddity in range(16)]
seeds += [up + odd(MEMORY, 8, more=bytes([kind])) for kind in range(6)] + [say(2, 0) + odd(MEMORY, 8, more=bytes([kind])) for kind in range(6)]
seeds += [say(MEMORY, 0x12, 0, bytes([a, b]) + bytes(6)) for a in range(0x80, 0x88) for b in (0, *range(0x81, 0x88))]
seeds += [up + odd(request, 1, more=bytes([flags])) for request in (1, 12, 18) for flags in (0, 2, 5)]  # another version, a reply
seeds += [up + bytes([RAW, 20]) + struct.pack('<3IQ', 12, 1, 8, 0x300), up + bytes([RAW, 12]) + struct.pack('<3I', 12, 1, 8) + use]
seeds += [say(MEMORY, 21, 0, bytes([0x85]) + bytes(7)), say(MEMORY, 21, 0, bytes([0x7c]) + bytes(7))]  # one, beyond the end of its file
for number, content in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'qemu-{number:03}'), 'wb') as file:
        file.write(content)
