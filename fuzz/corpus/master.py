#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for fuzz_master: each form of a master key's file, and what is just beside one."""
import hashlib
import os
import sys


def put(name, data):
    with open(os.path.join(sys.argv[1], 'made-' + name), 'wb') as file:
        file.write(data)


def passphrase(version=1, form=1, cost=17, r=8, p=1, zeros=bytes(3)):
    rest = hashlib.sha256(b'rest').digest() * 3
    return b'CMMASTER' + bytes([version, form, cost, r, p]) + zeros + rest[:76]


put('file', hashlib.sha256(b'key').digest())
put('short', bytes(31))
put('passphrase', passphrase())
put('card', b'CMMASTER' + bytes([1, 2]) + b'slot 7')
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
