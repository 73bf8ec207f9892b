# SPDX-License-Identifier: Apache-2.0
"""ring.py FOLDER: programs of accesses, each kind alone and all of them mixed, in both sizes of span."""
import os
import random
import struct
import sys

dice = random.Random(1)
for whole in (0, 1):
    for kind in (0, 1, 2, 3, None):
        words = [whole]
        for _ in range(60):
            words.append(dice.randrange(4) if kind is None else kind)
            words += [dice.getrandbits(32) for _ in range(4 if words[-1] == 3 else 2)]
        with open(os.path.join(sys.argv[1], f'span{whole}-{kind}'), 'wb') as file:
            file.write(struct.pack(f'<{len(words)}I', *words))
