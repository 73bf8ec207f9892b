# SPDX-License-Identifier: Apache-2.0
"""derive.py FOLDER: parameters of each kind as libsdf.so writes them, and one wrong in each way."""
import os
import struct
import sys

TLS, SEALED = 0, 0x80


def params(kind, texts, bits, clear=(), more=b'', sealed=False):
    words = [*texts, *[0] * (4 - len(texts)), *bits, *[0] * (4 - len(bits)), *clear, *[0] * (2 - len(clear))]
    return (bytes([kind | (SEALED if sealed else 0), sum(texts) // 8]) + struct.pack('<10I', *words)
            + (bytes(range(64)) if sealed else b'') + more)


GOOD = ((32, 32), (256, 256, 128, 128), (16, 16))
seeds = [params(TLS, *GOOD), params(TLS, *GOOD, sealed=True), params(TLS, (32, 32), (0, 0, 128, 192), (4, 4)),
         params(TLS, (32, 32), (160, 512, 256, 256)), params(TLS, (32, 31), *GOOD[1:]), params(TLS, (32, 33), *GOOD[1:]),
         params(TLS, (32, 32, 1), *GOOD[1:]), params(TLS, (32, 32), (0, 0, 0, 0)), params(TLS, (32, 32), (120, 0, 0, 0)),
         params(TLS, (32, 32), (129, 0, 0, 0)), params(TLS, (32, 32), (520, 0, 0, 0)), params(TLS, (32, 32), (0, 0, 160, 0)),
         params(TLS, (32, 32), (256,), (17, 0)), params(TLS, *GOOD, more=b'x'), params(TLS, *GOOD)[:-1],
         params(TLS, *GOOD, sealed=True)[:-1]]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:02}'), 'wb') as file:
        file.write(seed)
