# SPDX-License-Identifier: Apache-2.0
"""stream.py FOLDER: connections as fuzz_stream.c reads them."""
import os
import random
import sys

RAW, ROOM, DRAIN, REST, PASS = 3, 4, 5, 6, 7
PASSES = 0x80


def frame(choice=1, lengths=0, wrong=1, slot=0, more=0):
    return bytes([PASSES | (slot % 3), choice, lengths, wrong, slot]) + (bytes([more]) if wrong >= 248 else b'')


seeds = [frame(slot=slot, lengths=lengths, wrong=wrong) * 2 for slot in (0, 63) for lengths in (0, 1, 2, 3, 251, 255)
         for wrong in (0, 1, 2, 62, 246)]
seeds += [b''.join(frame(slot=slot, lengths=255) for slot in range(64))]
seeds += [bytes([ROOM | 8]) + b''.join(frame(slot=slot, lengths=251) for slot in range(70)) + bytes([ROOM, PASS, REST])]
seeds += [bytes([ROOM | 8]) + frame(lengths=251) * 3 + bytes([DRAIN, 0, 100, DRAIN, 3, 0, ROOM]) + frame(slot=1)]
seeds += [frame(wrong=248 + bit, more=place) for bit in range(8) for place in range(0, 64, 3)]
seeds += [frame(choice=2) + bytes([REST, PASS, REST]), frame(choice=2) + bytes([PASS, REST]) + frame(choice=2), bytes([RAW | 31 << 3]) + bytes(31) + bytes([RAW | 31 << 3]) + b'x' * 60]
seeds += [frame(choice=op << 2, lengths=op) for op in range(1, 60)]
dice = random.Random(3)
seeds += [bytes(dice.randrange(256) for _ in range(200)) for _ in range(20)]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'stream-{number:03}'), 'wb') as file:
        file.write(seed)
