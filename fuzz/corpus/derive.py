# SPDX-License-Identifier: Apache-2.0
"""derive.py FOLDER: parameters of each kind as libsdf.so writes them, and one wrong in each way."""
import os
import struct
import sys

TLS, IKE, IPSEC, SEALED = 0, 1, 2, 0x80


def params(kind, texts, bits, clear=(), more=b'', sealed=False):
    words = [*texts, *[0] * (4 - len(texts)), *bits, *[0] * (4 - len(bits)), *clear, *[0] * (2 - len(clear))]
    return (struct.pack('<BH', kind | (SEALED if sealed else 0), sum(texts)) + struct.pack('<10I', *words)
            + (bytes(range(64)) if sealed else b'') + more)


GOOD = ((32, 32), (256, 256, 128, 128), (16, 16))
seeds = [params(TLS, *GOOD), params(TLS, *GOOD, sealed=True), params(TLS, (32, 32), (0, 0, 128, 192), (4, 4)),
         params(TLS, (32, 32), (160, 512, 256, 256)), params(TLS, (32, 31), *GOOD[1:]), params(TLS, (32, 33), *GOOD[1:]),
         params(TLS, (32, 32, 1), *GOOD[1:]), params(TLS, (32, 32), (0, 0, 0, 0)), params(TLS, (32, 32), (120, 0, 0, 0)),
         params(TLS, (32, 32), (129, 0, 0, 0)), params(TLS, (32, 32), (520, 0, 0, 0)), params(TLS, (32, 32), (0, 0, 160, 0)),
         params(TLS, (32, 32), (256,), (17, 0)), params(TLS, *GOOD, more=b'x'), params(TLS, *GOOD)[:-1],
         params(TLS, *GOOD, sealed=True)[:-1],
         params(IKE, (16, 16, 8, 8), (256, 256, 128)), params(IKE, (256, 256, 8, 8), (384, 384, 256), sealed=True),
         params(IKE, (7, 16, 8, 8), (256, 256, 128)), params(IKE, (16, 257, 8, 8), (256, 256, 128)),
         params(IKE, (16, 16, 8, 7), (256, 256, 128)), params(IKE, (16, 16, 8, 8), (256, 256, 136)),
         params(IKE, (16, 16, 8, 8), (256, 256, 128, 128)), params(IKE, (16, 16, 8, 8), (256,), (1,)),
         params(IPSEC, (1, 4, 16, 16), (128, 256)), params(IPSEC, (1, 4, 256, 256), (0, 512), sealed=True),
         params(IPSEC, (2, 4, 16, 16), (128, 256)), params(IPSEC, (1, 5, 16, 16), (128, 256)),
         params(IPSEC, (1, 4, 16, 16), (128, 256, 128)), params(IPSEC, (1, 4, 16, 16), (128, 256), (4,))]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:02}'), 'wb') as file:
        file.write(seed)
