# SPDX-License-Identifier: Apache-2.0
"""virtqueue.py FOLDER: rings as fuzz_virtqueue.c reads them: chains, good and bad, taken, given back, and resumed."""
import os
import sys

WRITE, WORK, LIFE = 0x00, 0x80, 0xf0
NEXT, FOR_DEVICE, INDIRECT = 1, 2, 4


def descriptor(place, address=0, length=2, flags=0, following=0, table=False):
    return bytes([WRITE, (0x60 if table else 0) + place, address, length, flags, following])


def offer(head):
    return bytes([WRITE, 0x88 + head])  # a multiple of 17: of the 16 entries, and one too many


def work(give=1):
    return bytes([WORK, give])


first = {'plain': 0x04, 'events': 0x14, 'indirect': 0x24, 'both': 0x34}  # 16 entries
pair = descriptor(0, 0, 5, NEXT, 1) + descriptor(1, 1, 6, FOR_DEVICE, 0)
inner = b''.join(descriptor(n, 0, 2, NEXT if n < 2 else 0, n + 1, True) for n in range(3))
bodies = [pair + offer(0) + work() + offer(0) + work(), pair + offer(0) + work(0) + bytes([LIFE, 2]) + work(), descriptor(0, 1, 4, INDIRECT) + inner + offer(0) + work(),
          descriptor(0, 0, 2, NEXT, 0) + offer(0) + work(), descriptor(0, 2, 3) + offer(0) + work(), descriptor(0, 3, 2) + offer(0) + work(), offer(16) + work(),
          bytes([WRITE, 0xc0, 99]) + work(), descriptor(0, 0, 2, FOR_DEVICE | NEXT, 1) + descriptor(1) + offer(0) + work(),
          pair + (offer(0) + work()) * 20, pair + offer(0) + bytes([LIFE, 0, LIFE, 1]) + work(3), pair + offer(0) + work(0) + bytes([LIFE, 3]) + bytes(range(32)) + work(),
          pair + bytes([LIFE, 4, LIFE, 0x82]) + offer(0) + work(), pair + offer(0) + work(0) + bytes([LIFE, 5]) + offer(0) + work(),
          descriptor(0, 1, 4, INDIRECT | NEXT) + offer(0) + work(), descriptor(0, 1, 3, INDIRECT) + descriptor(0, 1, 4, INDIRECT, 0, True) + offer(0) + work()]
bodies += [pair + offer(0) + work(2) + offer(0) + work(3), b''.join(descriptor(n, 0, 2, NEXT, n + 1) for n in range(15)) + descriptor(15, 0, 2, NEXT, 16) + offer(0) + work(),
           b''.join(descriptor(n, 0, 2, NEXT, (n + 1) % 16) for n in range(16)) + offer(0) + work(), descriptor(0, 0, 6, FOR_DEVICE) + offer(0) + work() + bytes([LIFE, 0]) + offer(0) + work(),
           pair + offer(0) + offer(0) + work(0) + work(), pair + offer(0) + work(0) + bytes([LIFE, 2]) + offer(0) + work() + work(), descriptor(0, 1, 9, INDIRECT) + offer(0) + work(),
           pair + offer(0) + work(0) + bytes([LIFE, 3, 1, 0, 1, 0]) + bytes(28) + work() + offer(0) + work(), bytes([WRITE, 0xe0, 0, 0, 0, 9, 3]) + pair + offer(0) + work()]
lives = [bytes([0x40 | number]) + pair + offer(0) + work() for number in range(20)]  # sizes that a ring cannot have
for number, content in enumerate([bytes([kind]) + body for kind in first.values() for body in bodies] + lives):
    with open(os.path.join(sys.argv[1], f'ring-{number:02}'), 'wb') as file:
        file.write(content)
