# SPDX-License-Identifier: Apache-2.0
"""vsock.py FOLDER: lives of connections as fuzz_vsock.c reads them."""
import os
import sys

PACKET, BUFFERS, ACT, DIE, ODD, READ = 0x00, 0xa3, 0xc8, 0xe0, 0xe8, 0xf0
REQUEST, RESPONSE, RST, SHUTDOWN, RW, UPDATE, ASK = range(1, 8)


def packet(op, port=0, flags=0, odd=0, extra=b''):
    return bytes([PACKET, port | op << 2 | flags << 5, odd]) + extra


def act(what):
    return bytes([ACT, what])


buffers, read, die = bytes([BUFFERS]) * 4, bytes([READ]), bytes([DIE])
connect, data = packet(REQUEST), packet(RW, extra=b'\x04')
opened = buffers + connect + read
hold, free = act(0x80 - 0x80 % 6 + 6), act(0)
seeds = [opened + data * 6 + read, opened + data + packet(SHUTDOWN, flags=2) + packet(RST), opened + packet(SHUTDOWN, flags=3),
         opened + hold + data * 3 + packet(SHUTDOWN, flags=2) + free + act(5) + read + packet(RST), opened + act(3), opened + act(4),
         opened + act(2) + data, act(0x81) + opened, opened + packet(ASK) + read, opened + packet(RESPONSE), opened + connect,
         connect + data * 20 + buffers + read, packet(RW, port=1, extra=b'\x00') * 80 + buffers * 8, opened + die + buffers + read,
         opened + bytes([ODD | 2, 4]) + die + buffers, bytes([ODD, 10]) * 5 + connect, buffers * 4 + b''.join(packet(REQUEST, port=p) for p in range(4)),
         buffers + packet(REQUEST, odd=2, extra=b'\x00') + data + read + packet(UPDATE, odd=3, extra=b'\x03\x03') + read,
         opened + data + packet(UPDATE, odd=1, extra=b'\x08'), opened + packet(RW, odd=4, extra=b'\x04\x09'),
         opened + packet(0), packet(RW, odd=0x38, extra=b'\x00\x05\x01'), packet(REQUEST, odd=0xf8, extra=b'\x01\x01'),
         packet(REQUEST, odd=0x78, extra=b'\x01\x02'), opened + (data * 3 + packet(UPDATE) + buffers) * 10]
for number, content in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'life-{number:02}'), 'wb') as file:
        file.write(content)
