#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""http_body.py FOLDER: seeds for fuzz_http_body: the requests that the command line sends, and near misses."""
import sys

TENANT = ('{"name": "vm1", "owner_uid": 64055, "owner_gid": 64055, "max_connections": 16, "max_sessions": 64, '
          '"max_handles": 1024, "weight": 100, "disabled": false}')
SEEDS = [
    'GET /v1/status\n', 'GET /v1/operations\n', 'GET /v1/tenants\n', 'POST /v1/card/test\n{}',
    'POST /v1/tenants\n{"name": "vm1"}', f'POST /v1/tenants\n{TENANT}', 'GET /v1/tenants/vm1\n',
    'PATCH /v1/tenants/vm1\n{"weight": 7, "disabled": true}', 'PATCH /v1/tenants/vm1\n{"owner_uid": 1}',
    'PATCH /v1/tenants/vm1\n{}', 'DELETE /v1/tenants/vm1\n', 'GET /v1/tenants/vm1/keys\n',
    'POST /v1/tenants/vm1/keys\n{"kind": "sm2", "index": 1, "bits": 256, "code": "12345678"}',
    'POST /v1/tenants/vm1/keys\n{"kind": "kek", "index": 2, "bits": 128}',
    'POST /v1/tenants/vm1/keys\n{"kind": "kek", "index": 2, "bits": 129}',
    'POST /v1/tenants/vm1/keys\n{"kind": "kek", "index": 2, "code": "x"}',
    'POST /v1/tenants/vm1/keys\n{"kind": "sm2", "index": 1, "bits": 128}',
    'POST /v1/tenants/vm1/keys\n{"kind": 1, "index": "1", "code": 5}',
    'POST /v1/tenants/vm1/keys\n{"kind": "sm2", "index": 70000}',
    'DELETE /v1/tenants/vm1/keys/sm2/1\n', 'DELETE /v1/tenants/vm1/keys/rsa/1\n',
    'DELETE /v1/tenants/vm1/keys/kek/65536\n', 'POST /v1/tenants/vm1/keys/sm2/1/unlock\n',
    'POST /v1/tenants/vm1/keys/kek/1/unlock\n', 'PUT /v1/tenants/vm1\n', 'GET /v1/tenants/VM1\n', 'GET //\n',
    'POST /v1/tenants\n{"name": "a", "name": "b"}', 'POST /v1/tenants\n{"wieght": 1}', 'POST /v1/tenants\n[1]',
    'POST /v1/tenants\n{"name": "a\\u0000"}', 'POST /v1/tenants\n{"name": 1, "disabled": 2}',
    'POST /v1/tenants\n{"disabled": "no"}', 'POST /v1/tenants\n', 'POST /v1/tenants/vm1/keys\n{"index": 0}',
    'PATCH /v1/tenants/vm1\n{"deny": ["rsa", "files"], "allow": ["debug"], "access_codes": "new-keys"}',
    'PATCH /v1/tenants/vm1\n{"deny": ["rsa"], "allow": ["rsa"], "max_files": 1}', 'PATCH /v1/tenants/vm1\n{"deny": ["dsa"]}',
    'PATCH /v1/tenants/vm1\n{"deny": 1, "access_codes": "x"}', 'PATCH /v1/tenants/vm1\n{"deny": [2], "max_file_bytes": 5}',
    'PATCH /v1/tenants/vm1\n{"access_codes": "x"}', 'GET /v1/tenants/vm1/files\n', 'DELETE /v1/tenants/vm1/files/00ff\n',
    'DELETE /v1/tenants/vm1/files/0\n', 'POST /v1/tenants/vm1/keys/sm2/0/code\n{"code": "abc"}',
    'POST /v1/vault/backup\n{"recipient": "' + '0a' * 32 + '", "file": "abc"}', 'POST /v1/vault/backup\n{"recipient": "0a", "file": 1}',
    'POST /v1/vault/backup\n{"recipient": 1}', 'POST /v1/vault/backup\n{"file": "A"}', 'POST /v1/imports\n{"file": "abc", "name": "vm1"}',
    'POST /v1/imports\n{"file": "abc", "from": "%s"}' % ('0f' * 32), 'POST /v1/imports\n{"file": "abc", "from": "0F"}', 'POST /v1/imports\n{"file": "abc", "from": null}',
    'POST /v1/tenants/vm1/export\n{"file": 1}', 'POST /v1/vault/backup\n{"file": "abc", "recipient": "' + '0G' * 32 + '"}',
    *(f'POST /v1/tenants/vm1/keys/import\n{{"kind": "{kind}", "index": 3, {fields}}}' for kind, fields in (
        ('kek', '"wrapped": "%s"' % ('0a' * 112)), ('kek', '"wrapped": "%s", "code": "x"' % ('0a' * 113)), ('kek', '"wrapped": "0"'),
        ('kek', '"wrapped": 1'), ('kek', '"sign": "%s"' % ('0a' * 208)), ('rsa', '"wrapped": "0a"'),
        ('sm2', '"sign": "%s", "encrypt": "%s"' % ('0a' * 208, 'ff' * 208)), ('sm2', '"sign": "0a"'), ('sm2', '"sign": "%s"' % ('0a' * 209)))),
    'POST /v1/vault/rekey\n', 'POST /v1/vault/rekey\n{"form": "card"}', 'POST /v1/vault/rekey\n{"form": "tpm"}', 'POST /v1/vault/rekey\n{"form": 2}',
    'GET /v1/audit/files/1/0\n', 'GET /v1/audit/files/12/4096\n', 'GET /v1/audit/files/0/0\n', 'GET /v1/audit/files/01/1\n', 'GET /v1/audit/files/1/x\n',
    'GET /v1/audit/files/99999999999999999999/1\n', 'DELETE /v1/tenants/vm1/files/0g\n', 'DELETE /v1/tenants/vm1/files/abc\n',
    'POST /v1/tenants\n{"name": ""}', 'POST /v1/tenants\n{"name": "-a"}', 'POST /v1/tenants\n{"name": "%s"}' % ('a' * 33), 'POST /v1/tenants\n{"name": "vm1", "weight": "7"}',
    'POST /v1/tenants\n{"name": "vm1", "weight": 1.5}', *('POST /v1/tenants/vm1/keys\n{"kind": "sm2", "index": 1, "code": %s}' % code for code in (
        '7', '""', '"%s"' % ('x' * 300), '"a\\u0000b"')), 'POST /v1/tenants/vm1/keys\n{"kind": "dsa", "index": 1}', 'POST /v1/tenants/vm1/keys\n{"kind": "kek", "index": 0}',
    'POST /v1/tenants\n{"name": "vm1"%s}' % (' ' * 20000), 'X' * 400,
    'POST /v1/tenants/vm1/keys\n{"kind": "kek", "index": 3}', 'POST /v1/tenants/vm1/keys\n{"kind": "rsa", "index": 3}',
]

for number, seed in enumerate(SEEDS):
    with open(f'{sys.argv[1]}/request-{number:02}', 'w') as file:
        file.write(seed)
