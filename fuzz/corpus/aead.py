# SPDX-License-Identifier: Apache-2.0
"""aead.py FOLDER: parameters of each use as libsdf.so writes them, and one wrong in each way."""
import os
import struct
import sys


def params(use, nonce=12, tag=16, aad=0, total_aad=0, total_data=0, more=0):
    size = nonce + (tag if use == 1 else 0) + aad + more
    return bytes([use]) + struct.pack('<BBHII', nonce, tag, aad, total_aad, total_data) + bytes(range(256))[:size]


seeds = [params(0), params(0, aad=20), params(1, aad=13), params(1, nonce=7, tag=8), params(2, total_aad=20, total_data=70000),
         params(0, nonce=0), params(0, nonce=65), params(0, tag=0), params(0, tag=17), params(0, total_aad=1),
         params(0, total_data=1), params(2, aad=1), params(0, more=1), params(1)[:-1], params(0)[:8], params(0, nonce=64)]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:02}'), 'wb') as file:
        file.write(seed)
