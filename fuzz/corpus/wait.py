# SPDX-License-Identifier: Apache-2.0
"""wait.py FOLDER: each mode, crowded or not, announced or not, at several points of a wait."""
import itertools
import os
import struct
import sys

for number, (mode, bits, looks, waited, expected) in enumerate(
        itertools.product(range(3), range(4), (0, 100000), (0, 5000, 10**9), (0, 1000, 10**7))):
    with open(os.path.join(sys.argv[1], str(number)), 'wb') as file:
        file.write(struct.pack('<4B3Q', mode, bits, 0, 0, looks, waited, expected))
