# SPDX-License-Identifier: Apache-2.0
"""broker.py FOLDER: lives of a queue pair as fuzz_broker.c reads them: each operation in each form, orders of calls that
hold states, slow ones that overlap, memory changed between submission and pass, resets and ends in mid-flight."""
import os
import random
import re
import struct
import sys

LIKELY, RECORDED, MEANWHILE, QUIET, RAW, WORDS, EPOCH, WORKERS, PASSES, END = 0, 6, 7, 8, 9, 10, 12, 13, 14, 15
STEPS = 96  # of one input; more are not read
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../proto/ops.def')) as file:
    OPS = [int(number) for number in re.findall(r'^OP\((\d+),', file.read(), re.M)]
SM2, ECB, CBC, SM3, CTR, MAC, SHA256, NONE = range(8)
OPEN, CLOSE, KEY_GENERATE, KEY_DESTROY = 2, 3, 13, 15
RIGHT, PAIR, HASH_INIT, HASH_UPDATE, HASH_FINAL = 6, 9, 25, 26, 27
MAC_INIT, MAC_UPDATE, MAC_FINAL = 29, 30, 31
AEAD_ENCRYPT, AEAD_DECRYPT, STATE_HASH, STATE_MAC, STATE_AEAD, STATE_UPDATE, STATE_CRYPT, STATE_FINAL, STATE_COPY, STATE_FREE = range(40, 50)
KEY_IMPORT, KEY_IMPORT_DEBUG, SECTOR_ENCRYPT, SECTOR_DECRYPT, TENANT_INFO = range(50, 55)
AGREE_START, AGREE_CONCLUDE, AGREE_RESPOND = range(91, 94)
FILE_CREATE, FILE_READ, FILE_WRITE, FILE_DELETE = range(120, 124)
KEK_RIGHT = 124
KEY_EXPORT_KEK = 98
KEK_HANDLE = 140
DERIVE_TLS, DERIVE_TLS_EPK, DERIVE_IKE, DERIVE_IKE_EPK, DERIVE_IPSEC, DERIVE_IPSEC_EPK = range(150, 156)
MAX_PARAM, MAX_DATA, HANDLE, BITS_128, SMALL = 8, 16, 32, 64, 128


def call(op, choice=0, slot=0, quiet=False):
    return bytes([QUIET if quiet else LIKELY, op, choice, slot])


def again(op):
    """What the calls that come after an end need: a session, a key."""
    return call(OPEN) + call(KEY_GENERATE, ECB) if op == CLOSE else call(KEY_GENERATE, ECB) if op == KEY_DESTROY else b''


def deny(classes, algs):
    return bytes([MEANWHILE, 0]) + classes.to_bytes(2, 'big') + algs.to_bytes(3, 'big')


def param(slot, *words):
    """Writes words into a slot's parameters."""
    return bytes([WORDS, 3]) + (slot * 512).to_bytes(3, 'big') + bytes([len(words) - 1]) + b''.join(
        word.to_bytes(4, 'big') for word in words)


seeds = [b''.join(call(op, choice) for choice in range(0, 256, step)) for op in OPS for step in (1, 8)]
for alg in range(8):
    all_ops = b''.join(call(op, alg | more, op) + again(op) for op in OPS for more in (0, HANDLE, MAX_DATA | HANDLE))
    seeds += [all_ops[at:at + 4 * STEPS] for at in range(0, len(all_ops), 4 * STEPS)]
    seeds.append(call(HASH_INIT, alg) + call(HASH_UPDATE, MAX_DATA) * 3 + call(HASH_INIT, alg) + call(HASH_FINAL) * 2)
    seeds.append(call(HASH_INIT, alg | MAX_PARAM | MAX_DATA) + call(HASH_UPDATE, MAX_DATA) + call(HASH_FINAL))
    seeds.append(call(MAC_INIT, alg | HANDLE) + call(MAC_UPDATE, MAX_DATA) * 3 + call(MAC_FINAL) * 2)
for alg in range(8):
    for start in (STATE_HASH, STATE_MAC, STATE_AEAD):
        made = call(start, alg | HANDLE)
        seeds.append(made + call(STATE_UPDATE) + call(STATE_CRYPT, MAX_DATA) + call(STATE_FINAL) * 2)
        seeds.append(made + call(STATE_UPDATE, MAX_DATA) + call(STATE_COPY) + call(STATE_FINAL, MAX_PARAM) + call(STATE_FREE))
        seeds.append(made + call(STATE_FREE) * 2 + made * 5 + call(STATE_UPDATE, BITS_128 | 1) + call(STATE_FREE, BITS_128 | 2))
        seeds.append(made.replace(bytes([HANDLE | alg]), bytes([HANDLE | alg | SMALL])) + call(STATE_CRYPT) + call(STATE_FINAL, MAX_PARAM))
    for op in (AEAD_ENCRYPT, AEAD_DECRYPT):
        seeds += [call(op, alg | HANDLE | more) for more in (0, MAX_DATA, MAX_PARAM)] + [call(op, alg | HANDLE | MAX_DATA, 1)]
    seeds.append(call(KEY_IMPORT) + call(KEY_IMPORT, MAX_DATA) + call(SECTOR_ENCRYPT, alg | HANDLE) + call(SECTOR_DECRYPT, alg | HANDLE | SMALL))
seeds += [call(KEY_IMPORT_DEBUG), call(TENANT_INFO), call(STATE_HASH, 3) * 300]
slow = b''.join(call(RIGHT if n & 1 else PAIR, MAX_PARAM, 64 | n, quiet=True) for n in range(24))
passes, workers, end = bytes([PASSES, 3]), bytes([WORKERS]), bytes([END, 0])
seeds += [slow + passes + workers, slow + passes + end, slow + passes + bytes([EPOCH, 2]) + workers + bytes([EPOCH, 3]),
          slow + passes + call(CLOSE) + workers, slow + passes + call(1, slot=1) + workers, slow * 3 + workers + end]
seeds += [call(2) * 300, bytes([EPOCH, 0]) + call(2) + passes, bytes([EPOCH, 0, EPOCH, 1, END, 255]) + call(28, SM3),
          call(3) + call(28, SM3) + bytes([END, 255]), call(15, HANDLE) * 2 + call(22, ECB | HANDLE)]
revoke, few, failed, stale = bytes([MEANWHILE, 1, 1]), bytes([MEANWHILE, 2, 2, 3]), bytes([MEANWHILE, 3]), bytes([MEANWHILE, 5])
some = [call(op, choice) for op in OPS if op not in (CLOSE, KEY_DESTROY) for choice in (0, SM3, HANDLE | ECB)]
for change in (deny(0x7ffe, 0), deny(0, 0x1fffe), deny(1 << 13, 1 << 3 | 1 << 4), failed, few):
    seeds += [change + b''.join(some[at:at + STEPS - 1]) for at in range(0, len(some), STEPS - 1)]
seeds += [call(KEK_HANDLE) * 2 + call(22, ECB | HANDLE) + call(96, HANDLE) + change + call(22, ECB | HANDLE) + call(KEY_DESTROY, HANDLE) * 2 +
          call(KEK_HANDLE) for change in (revoke, few, bytes([MEANWHILE, 1, 2]), failed)]
seeds += [call(RIGHT, 0, 64) + workers + revoke + call(17) + workers, slow + passes + revoke + workers, slow + passes + failed + workers,
          failed + call(KEY_DESTROY, HANDLE) + failed + call(22, ECB), few + call(2) * 4 + call(13, ECB) * 4 + call(STATE_HASH, SM3) * 4,
          stale + passes + call(2), bytes([MEANWHILE, 4]) + passes + call(3), call(5, BITS_128 | SMALL), call(4)]


def right_of(op, index, code):
    """Asks for a right with a code, or none."""
    sqe = struct.pack('<QIIHHHHIIIII16sI', 0, 0, 0, op, 0, 0, len(code), 0, 0, index, 0, 0, bytes(16), 0)
    words = [int.from_bytes(code[at:at + 4], 'little') for at in range(0, len(code), 4)]
    return (param(0, *words) if words else b'') + bytes([RECORDED]) + sqe + workers


right, wrong = b'12345678', b'87654321'  # of index 2: tests/wire/harness.h
for get, release in ((RIGHT, RIGHT + 1), (KEK_RIGHT, KEK_RIGHT + 1)):
    seeds += [right_of(get, 2, right) * 3 + call(release, 0, 64) * 4, right_of(get, 2, right) + right_of(get, 2, wrong) + right_of(get, 2, right) + revoke,
              right_of(get, 2, b'') + right_of(get, 1, right) + right_of(get, 1, b'') * 2 + revoke + call(release) + call(CLOSE),
              right_of(get, 9, b'') + call(release, HANDLE), right_of(get, 2, right)[:-1] + passes + revoke + workers,
              b''.join(right_of(get, index, code) for index, code in ((1, b''), (2, right)))]
seeds += [call(AGREE_START, BITS_128) + workers + call(AGREE_CONCLUDE, HANDLE) + workers + call(AGREE_RESPOND, BITS_128) + workers,
          few + (call(AGREE_START, BITS_128) + workers) * 4]
POINT = bytes.fromhex('32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7'
                      'bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0')  # the curve's own
point = bytes([WORDS, 3]) + (40).to_bytes(3, 'big') + bytes([15]) + b''.join(POINT[at:at + 4][::-1] for at in range(0, 64, 4))


def derive(op, texts, bits, clear, alg=SM3):
    """Lengths that can be, and a point, and so keys: as many as there is room for."""
    words = [*texts, *[0] * (4 - len(texts)), *bits, *[0] * (4 - len(bits)), *clear, *[0] * (2 - len(clear))]
    return param(0, *words) + (point if op & 1 else b'') + call(op, HANDLE | alg) + workers


for bits, clear in (((256, 256, 128, 128), (16, 16)), ((0, 0, 128, 128), (4, 4)), ((160, 0, 0, 0), ()), ((8, 0, 0, 0), ()), ((), (16, 16))):
    seeds += [change + derive(op, (32, 32), bits, clear, alg) * times for op in (DERIVE_TLS, DERIVE_TLS_EPK) for alg in (SM3, SHA256, NONE)
              for change, times in ((b'', 1), (few, 3), (failed, 1), (deny(1 << 14, 0), 1), (deny(1 << 11, 0), 1), (deny(0, 1 << 3), 1))]
for more, nonce in ((0, 8), (MAX_DATA, 256)): # as many bytes of texts as the operation has at least and at most
    for change, times in ((b'', 1), (few, 3), (failed, 1), (deny(1 << 14 | 1 << 11, 0), 1)):
        seeds += [change + derive(op, (nonce, nonce, 8, 8), bits, (), SM3 | more) * times for op in (DERIVE_IKE, DERIVE_IKE_EPK)
                  for bits in ((256, 256, 128), (256, 0, 256), (128, 256, 0))]
        seeds += [change + derive(op, (1, 4, nonce, nonce), bits, (), SHA256 | more) * times for op in (DERIVE_IPSEC, DERIVE_IPSEC_EPK)
                  for bits in ((128, 256), (0, 512))]
seeds.append(call(DERIVE_TLS_EPK, HANDLE | SM3, quiet=True) + derive(DERIVE_TLS_EPK, (32, 32), (512,) * 2, ()) + passes + failed + workers)
for name in (0, MAX_PARAM):
    create, read, write, drop = (call(op, name) + workers for op in range(FILE_CREATE, FILE_DELETE + 1))
    seeds += [create * 2 + write + read + drop * 2, call(FILE_READ, name | SMALL) + workers + call(FILE_WRITE, name | MAX_DATA) + workers, read + write + create + call(FILE_WRITE, name | MAX_DATA | BITS_128 | SMALL) + workers + drop,
              call(FILE_CREATE, name | BITS_128 | SMALL) + workers + create + read + call(FILE_DELETE, name, 1) + workers,
              create + param(0, 255) + read + write + param(0, 256) + read + write + param(0, 0xffffffff) + read + write]
def scarce(number):
    """The next allocation but so many is refused."""
    return bytes([MEANWHILE, 6, number])


makes = b''.join(call(PAIR, 0, slot, quiet=True) for slot in range(4))
full_disk = bytes([MEANWHILE, 6, 128])
file_life = b''.join(call(op) + workers for op in range(FILE_CREATE, FILE_DELETE + 1))
seeds += [scarce(number) + one for number in range(4) for one in (
    call(2), call(2) * 2, call(28, SM3 | MAX_DATA), call(KEY_GENERATE, ECB | BITS_128), call(KEK_HANDLE), call(STATE_HASH, SM3) * 2,
    call(STATE_HASH, SM3) + call(STATE_COPY), right_of(RIGHT, 2, right), right_of(KEK_RIGHT, 2, right), call(AEAD_ENCRYPT, HANDLE | MAX_DATA), file_life,
    call(AGREE_START, BITS_128) + workers)]
seeds += [call(STATE_HASH, SM3) + scarce(number) + call(STATE_COPY) for number in range(3)]
seeds += [before + scarce(number) + one for number in range(6) for before, one in (
    (call(OPEN), right_of(RIGHT, 2, right)), (call(OPEN), call(KEY_GENERATE, ECB | BITS_128)), (call(OPEN), call(KEK_HANDLE)), (bytes([EPOCH, 2]), call(OPEN)),
    (b'', makes + passes + workers), (call(OPEN), call(STATE_HASH, SM3)))]
seeds += [full_disk + file_life, call(FILE_CREATE) + workers + full_disk + file_life, full_disk + right_of(RIGHT, 2, right), full_disk + right_of(RIGHT, 2, wrong),
          full_disk + right_of(KEK_RIGHT, 2, wrong), full_disk + call(PAIR) + workers]
made = call(KEY_GENERATE, ECB | BITS_128)
seeds += [made + call(KEY_EXPORT_KEK, ECB | HANDLE | SMALL, index) * 2 for index in range(4)] + [call(KEK_HANDLE) + call(KEY_EXPORT_KEK, ECB | HANDLE | SMALL, 1)]
# until the key that it takes has come to the card
seeds += [(call(AGREE_START, BITS_128) + workers) * 2 + (call(AGREE_CONCLUDE, HANDLE | MAX_DATA) + workers) * 2,
          (call(AGREE_START, BITS_128) + workers) * 2 + revoke + (call(AGREE_CONCLUDE, HANDLE) + workers) * 2]
strict = bytes([MEANWHILE, 7])
seeds += [strict + b''.join(some[at:at + STEPS - 1]) for at in range(0, len(some), STEPS - 1)]
seeds += [strict + right_of(get, index, code) for get in (RIGHT, KEK_RIGHT) for index, code in ((1, b''), (2, right))]
seeds += [few + call(KEY_GENERATE, ECB | BITS_128) * 4 + one * 2 for one in (call(STATE_HASH, SM3), call(KEK_HANDLE), call(STATE_MAC, MAC | HANDLE))]
seeds += [call(STATE_HASH, SM3) * (STEPS - 2) + call(STATE_COPY), call(STATE_HASH, SM3) + call(STATE_COPY) * (STEPS - 2)]
dice = random.Random(1)
for _ in range(24):
    program = b''
    for _ in range(40):
        program += call(dice.choice(OPS), dice.randrange(256), dice.randrange(256), quiet=True)
        program += bytes([WORDS, dice.randrange(8)]) + dice.randbytes(3) + bytes([3]) + dice.randbytes(16)
    seeds.append(program)
seeds += [bytes([RAW]) + dice.randbytes(64) + passes for _ in range(8)]

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'traffic.hex')) as file:
    traffic = [bytes.fromhex(line) for line in file]  # what libsdf.so really sends
for kind, after in ((RAW, passes), (RECORDED, workers)):
    seeds += [b''.join(bytes([kind]) + entry + after for entry in traffic[at:at + 16]) for at in range(0, len(traffic), 16)]

for number, content in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'life-{number:03}'), 'wb') as file:
        file.write(content)
