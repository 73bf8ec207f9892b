# SPDX-License-Identifier: Apache-2.0
"""gate.py FOLDER: what libsdf.so really sends (traffic.hex), and for each operation a submission that passes the gate, and one for each way to be refused."""
import os
import re
import struct
import sys

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, '../../proto/ops.def')) as file:
    text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)


def sqe(op, slot=3, flags=0, param=0, data=0, session=0, key=0, alg=0, arg=0, iv=bytes(16)):
    return struct.pack('<QIIHHHHIIIII16sI', 0x1122334455667788, 1, op, op, slot, flags, param, data, session, key, alg,
                       arg, iv, 1)


def total(sum_of):
    return sum(int(part) for part in sum_of.split('+'))


seeds = {}
for row in re.findall(r'^OP\(([^()]*)\)', text, re.M):
    number, name, _, pmin, _, dmin, _, fields, *_ = (column.strip() for column in row.split(','))
    used = {'session': 7 * ('F_SESSION' in fields), 'key': 9 * ('F_KEY' in fields), 'alg': 0x401 * ('F_ALG' in fields),
            'arg': 16 * ('F_ARG' in fields), 'iv': bytes(range(16)) if 'F_IV' in fields else bytes(16)}
    seeds[name] = sqe(int(number), param=total(pmin), data=total(dmin), **used)
seeds.update(none=sqe(9999), flags=sqe(1, flags=1), slot=sqe(1, slot=64), busy=sqe(1) + struct.pack('<Q', 8),
             param=sqe(1, param=1), data=sqe(1, data=16385), field=sqe(1, key=1), iv=sqe(1, iv=b'\1' * 16))
with open(os.path.join(here, 'traffic.hex')) as file:
    seeds.update({f'traffic-{number:03}': bytes.fromhex(line) for number, line in enumerate(file)})
for name, seed in seeds.items():
    with open(os.path.join(sys.argv[1], name), 'wb') as file:
        file.write(seed)
