# SPDX-License-Identifier: Apache-2.0
"""handover.py FOLDER: a broker's and its tenants' lives as fuzz_handover.c reads them, good and bad."""
import os
import sys

RAW, LIKELY, READ, TENANT, RESTART = 0x00, 0x30, 0xa0, 0xc0, 0xf8
DOOR, CLOSE, READY, DROPPED = 1, 2, 3, 4


def packet(kind, tenant=1, flags=0x80, region=0, name=0, fill=b''):
    return bytes([LIKELY, kind, flags | tenant, region]) + fill + bytes([name])


def tenant(slot, door='a', ivshmem=False, second=False):
    return bytes([TENANT, slot | (0x40 if door == 'a' else 0) | (0x80 if ivshmem else 0) | (0x20 if second else 0)])


door_a, door_b, read = packet(DOOR, 1, name=0), packet(DOOR, 2, name=1), bytes([READ])
ready, refused = packet(READY), packet(READY, flags=0xc0)
life = door_a + ready + tenant(0) + read + tenant(0) + read + packet(DROPPED, region=1)
seeds = [
    life, life + life, door_a + door_b + ready + tenant(0) + tenant(1, 'b') + read + bytes([RESTART]) + door_a + read,
    door_a + tenant(0, ivshmem=True) + read + tenant(1, ivshmem=True) + tenant(0) + tenant(2, ivshmem=True) + read,
    door_a + b''.join(tenant(n) for n in range(8)) + read + tenant(3) + read + bytes([RESTART]),
    door_a + tenant(0) + packet(CLOSE, 1) + read + door_a + tenant(0) + packet(CLOSE, 3), refused,
    packet(READY, flags=0x90, fill=b'\x01'), packet(READY, flags=0x90, fill=b'A'), packet(DROPPED, region=15),
    packet(DOOR, 0), packet(DOOR, 1, flags=0xa0), packet(DOOR, 2, name=0) + packet(DOOR, 3, name=0),
    door_a + packet(DOOR, 1, name=2) + packet(DOOR, 1, name=7), packet(5) + packet(6) + packet(7) + packet(8) + packet(0),
    bytes([RAW, 0]), bytes([RAW, 4]) + bytes(8), bytes([RAW, 156]) + bytes(312), bytes([RAW, 200]) + bytes(400),
] + [packet(DOOR, 1, name=n) for n in range(3, 8)] + [packet(DOOR, 1, name=255)]
seeds += [door_a * 60 + read, (door_a + tenant(0, ivshmem=True)) * 30, packet(DOOR, 1, name=3) * 64]

KEEP, REKEY, REKEYED = 0x80, 0x81, 0x82  # KEEP of slots 32 and on: 0x80 % 48
device = door_a + ready + tenant(0, ivshmem=True, second=True) + read
keep = [packet(KEEP + 5 * n, 1, flags=0x40, region=1) for n in range(9)]
seeds += [device + b''.join(keep) + bytes([RESTART]) + door_a + read + tenant(0, ivshmem=True, second=True),
          device + keep[0] + keep[0] + packet(KEEP, 1, flags=0, region=1) + tenant(1, ivshmem=True, second=True) + tenant(0, ivshmem=True, second=True),
          device + packet(KEEP, 1, flags=0x80, region=1) + packet(KEEP, 1, flags=0xc0, region=1) + packet(KEEP, 1, flags=0x40, region=9),
          door_a + tenant(0, second=True) + read + bytes([RESTART]) + door_a + read]
seeds += [packet(kind) + bytes(pad) for kind in (REKEY, REKEYED, 0x83, 0x84) for pad in (0, 1)]

for number, content in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'life-{number:03}'), 'wb') as file:
        file.write(content)
