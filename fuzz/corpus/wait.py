# SPDX-License-Identifier: Apache-2.0
"""wait.py FOLDER: each mode, crowded or not, announced or not, pressed or not, at several points of a wait."""
import itertools
import os
import struct
import sys

seeds = [*itertools.product(range(3), range(8), (0, 100000), (0, 5000, 10**9), (0, 1000, 10**7)),
         *((mode, 0, 0, 10**9, 10**9 + after) for mode in range(3) for after in (10**7, 3 * 10**7, 10**9))]  # a core that was lost, and again
for number, (mode, bits, looks, waited, expected) in enumerate(seeds):
    with open(os.path.join(sys.argv[1], str(number)), 'wb') as file:
        file.write(struct.pack('<4B3Q', mode, bits, 0, 0, looks, waited, expected))
