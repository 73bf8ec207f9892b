# SPDX-License-Identifier: Apache-2.0
"""broker.py FOLDER: lives of a queue pair as fuzz_broker.c reads them: each operation in each form, orders of calls that
hold states, slow ones that overlap, memory changed between submission and pass, resets and ends in mid-flight."""
import os
import random
import sys

LIKELY, QUIET, RAW, WORDS, EPOCH, WORKERS, PASSES, END = 0, 8, 9, 10, 12, 13, 14, 15
OPS = 32
SM2, ECB, CBC, SM3, CTR, MAC, SHA256, NONE = range(8)
RIGHT, PAIR, HASH_INIT, HASH_UPDATE, HASH_FINAL = 6, 9, 25, 26, 27
MAC_INIT, MAC_UPDATE, MAC_FINAL = 29, 30, 31
MAX_PARAM, MAX_DATA, HANDLE, BITS_128, SMALL = 8, 16, 32, 64, 128


def call(op, choice=0, slot=0, quiet=False):
    return bytes([QUIET if quiet else LIKELY, op, choice, slot])


seeds = [b''.join(call(op, choice) for choice in range(0, 256, step)) for op in range(OPS) for step in (1, 8)]
for alg in range(8):
    seeds.append(b''.join(call(op, alg | more, op) for op in range(OPS) for more in (0, HANDLE, MAX_DATA | HANDLE)))
    seeds.append(call(HASH_INIT, alg) + call(HASH_UPDATE, MAX_DATA) * 3 + call(HASH_INIT, alg) + call(HASH_FINAL) * 2)
    seeds.append(call(HASH_INIT, alg | MAX_PARAM | MAX_DATA) + call(HASH_UPDATE, MAX_DATA) + call(HASH_FINAL))
    seeds.append(call(MAC_INIT, alg | HANDLE) + call(MAC_UPDATE, MAX_DATA) * 3 + call(MAC_FINAL) * 2)
slow = b''.join(call(RIGHT if n & 1 else PAIR, MAX_PARAM, 64 | n, quiet=True) for n in range(24))
passes, workers, end = bytes([PASSES, 3]), bytes([WORKERS]), bytes([END, 0])
seeds += [slow + passes + workers, slow + passes + end, slow + passes + bytes([EPOCH, 2]) + workers + bytes([EPOCH, 3]),
          slow + passes + call(3) + workers, slow + passes + call(1, slot=1) + workers, slow * 3 + workers + end]
seeds += [call(2) * 300, bytes([EPOCH, 0]) + call(2) + passes, bytes([EPOCH, 0, EPOCH, 1, END, 255]) + call(28, SM3),
          call(3) + call(28, SM3) + bytes([END, 255]), call(15, HANDLE) * 2 + call(22, ECB | HANDLE)]
dice = random.Random(1)
for _ in range(24):
    program = b''
    for _ in range(40):
        program += call(dice.randrange(OPS), dice.randrange(256), dice.randrange(256), quiet=True)
        program += bytes([WORDS, dice.randrange(8)]) + dice.randbytes(3) + bytes([3]) + dice.randbytes(16)
    seeds.append(program)
seeds += [bytes([RAW]) + dice.randbytes(64) + passes for _ in range(8)]

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'traffic.hex')) as file:
    traffic = [bytes.fromhex(line) for line in file]  # what libsdf.so really sends
seeds += [b''.join(bytes([RAW]) + entry + passes for entry in traffic[at:at + 16]) for at in range(0, len(traffic), 16)]

for number, content in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'life-{number:03}'), 'wb') as file:
        file.write(content)
