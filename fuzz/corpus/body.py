# SPDX-License-Identifier: Apache-2.0
"""body.py FOLDER: bodies as the command line sends them, and each kind of mistake, for every kind of body."""
import json
import os
import sys

limits = {'owner_uid': 1000, 'owner_gid': 1000, 'max_connections': 4, 'max_sessions': 64, 'max_handles': 256, 'weight': 100,
          'disabled': True}
bodies = [{}, {'name': 'vm1'}, {'name': 'vm1', **limits}, limits, {'owner_uid': 5}, {'owner_gid': 5},
          {'kind': 'sm2', 'index': 1}, {'kind': 'sm2', 'index': 1, 'code': 'secret'}, {'kind': 'kek', 'index': 2, 'bits': 128},
          {'kind': 'kek', 'index': 2}, {'kind': 'sm2', 'index': 1, 'bits': 128}, {'kind': 'sm2', 'index': 1, 'bits': 256},
          {'kind': 'kek', 'index': 2, 'code': 'x'}, {'kind': 'kek', 'index': 2, 'bits': 129}, {'kind': 'rsa', 'index': 1},
          {'kind': 1, 'index': 1}, {'kind': 'sm2'}, {'index': 1}, {'kind': 'sm2', 'index': 0}, {'kind': 'sm2', 'index': '1'},
          {'kind': 'sm2', 'index': 1, 'code': ''}, {'kind': 'sm2', 'index': 1, 'code': 'x' * 300},
          {'kind': 'sm2', 'index': 1, 'code': 7}, {'name': 5}, {'name': '-x'}, {'name': ''}, {'name': 'a' * 33}, {'name': 'A'},
          {'nonsense': 1}, {'weight': 0}, {'weight': 1.5}, {'disabled': 1}, {'disabled': False}, [], None, 'text', 3]
texts = [json.dumps(body) for body in bodies]
texts += ['', ' ', '{', '{"name":"a","name":"b"}', '{"weight":1} x', '{"name":"a\\u0000b"}', '[' * 3000, '\xff', '{"weight":1e400}']
for kind in range(4):
    for number, text in enumerate(texts):
        with open(os.path.join(sys.argv[1], f'{kind}-{number:02}'), 'wb') as file:
            file.write(bytes([kind]) + text.encode('latin-1'))
