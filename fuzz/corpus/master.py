#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for fuzz_master: each form of a master key's file, what is just beside one, and answers of a card's process."""
import hashlib
import os
import struct
import sys


def put(name, data):
    with open(os.path.join(sys.argv[1], 'made-' + name), 'wb') as file:
        file.write(data)


def passphrase(version=1, form=1, cost=17, r=8, p=1, zeros=bytes(3)):
    rest = hashlib.sha256(b'rest').digest() * 3
    return b'CMMASTER' + bytes([version, form, cost, r, p]) + zeros + rest[:76]


def card(kind=1, zero=0, index=1, length=180, tail=b''):
    blob = (hashlib.sha256(b'blob').digest() * 16)[:min(length, 512)].ljust(512 - len(tail), b'\0')
    return (b'CMMASTER' + bytes([1, 2, kind, zero]) + struct.pack('<I', index) + hashlib.sha256(b'salt').digest() +
            struct.pack('<I', length) + blob[:512 - len(tail)] + tail + bytes(60))


def reply(asked=0, step=0, code=0, length=0, blob=b'', made=hashlib.sha256(b'made').digest(), text=b''):
    return bytes([asked]) + struct.pack('<3I', step, code, length) + blob.ljust(512, b'\0') + made + text.ljust(128, b'\0')


put('file', hashlib.sha256(b'key').digest())
put('short', bytes(31))
put('passphrase', passphrase())
put('card', card())
for name, what in {'kek': {'kind': 2}, 'kind': {'kind': 3}, 'reserved': {'zero': 1}, 'index-0': {'index': 0},
                   'index-most': {'index': 65535}, 'index-more': {'index': 65536}, 'least': {'length': 16},
                   'less': {'length': 15}, 'whole': {'length': 512}, 'more': {'length': 513},
                   'behind': {'tail': b'\1'}}.items():
    put('card-' + name, card(**what))
put('card-cut', card()[:-1])
put('card-tail', card() + b'\0')
put('newer', passphrase(version=2))
put('form', passphrase(form=3))
put('form-file', passphrase(form=0))
for cost in (13, 14, 20, 21, 255):
    put(f'cost-{cost}', passphrase(cost=cost))
put('r', passphrase(r=1))
put('p', passphrase(p=255))
put('tail', passphrase() + b'\0')
put('cut', passphrase()[:-1])
for at in range(3):
    put(f'zero-{at}', passphrase(zeros=bytes(at) + b'\1' + bytes(2 - at)))
put('reply-opened', reply())
put('reply-made', reply(asked=1, length=180, blob=b'b' * 180))
put('reply-made-short', reply(asked=5, length=15, blob=b'b' * 15)[:-1])
put('reply-zeros', reply(made=bytes(32)))
put('reply-same', reply(made=b'm' * 32))
put('reply-tail', reply(asked=1, length=16, blob=b'b' * 17))
put('reply-step', reply(step=12))
put('reply-text', reply(step=2, text=b'caf\xc3\xa9 \n' * 30))
for step in range(1, 12):
    for code in [0x01000000 + n for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0x18, 0x1d)] + [0x02000042]:
        for asked in (range(4) if step > 5 and code in (0x01000008, 0x01000018, 0x02000042) else (step % 4,)):
            put(f'reply-{step}-{code:x}-{asked}', reply(asked, step, code, text=b'SDF_Encrypt'))
