# SPDX-License-Identifier: Apache-2.0
"""audit.py FOLDER: lines of each kind, alone, in order, and with each field bad in turn; a tenant's part."""
import os
import sys

Z, H = '0' * 64, '0123456789abcdef' * 4
CHAIN = f',"chain":"{H}"}}\n'
segment = f'{{"seq":1,"time":1700000000,"segment":1,"version":1,"log":"{H[:32]}","head":"{Z}","tenants":0,"card":"ok","key":"{H * 2}"' + CHAIN
tenant = f'{{"seq":2,"time":1700000000,"tenant_id":1,"n":3,"gone":0,"head":"{H}"' + CHAIN
entry = ('{"seq":3,"time":1700000000,"event":"key-generate","by":"user","uid":1000,"user":"alice","roles":"operator","tenant":"t1",'
         '"tenant_id":1,"n":4,"target":"sm2/1","result":"ok","of":2,"detail":"bits=256"' + CHAIN)
checkpoint = (f'{{"seq":4,"time":1700000000,"checkpoint":1,"log":"{H[:32]}","head":"{H}","tenants":1,"root":"{H}","vault":"4:{H}",'
              f'"signature":"{H * 2}"' + CHAIN)
paths = ','.join(f'"{H}"' for _ in range(3))


def part(path):
    return (f'{{"part":1,"log":"{H[:32]}","key":"{H * 2}","tenant_id":1,"start":3,"start_head":"{H}","n":4,"head":"{H}","index":0,'
            f'"leaves":2,"path":[{path}]}}\n')


lines = [segment, tenant, entry, checkpoint, part(''), part(paths), part(','.join([f'"{H}"'] * 33))]
seeds = lines + [''.join(lines[:4]), part(paths) + entry + checkpoint]
for line in lines:
    seeds += [line[:-1], line[:-2], line[:len(line) // 2], line.replace(H, H.upper()), line.replace(H, H[:-1]), line.replace('1', '01', 1),
              line.replace('1', '99999999999999999999', 1), line.replace('"ok"', '"okay"'), line.replace('"ok"', '"failed"'),
              line.replace('"user"', '"daemon"', 1), line.replace('alice', 'al\\ice'), line.replace('bits', 'b' * 400),
              line.replace('"version":1', '"version":2'), line.replace('"gone":0', '"gone":1'), line.replace('"gone":0', '"gone":2'),
              line.replace('"checkpoint":1', '"checkpoint":2'), line.replace('"tenant_id":1', '"tenant_id":0'), line.replace('key-generate', ''),
              line.replace('"by":"user"', '"by":"tenant"'), line.replace('"result":"ok"', '"result":"begun"'), line + line]
for number, seed in enumerate(seeds):
    with open(os.path.join(sys.argv[1], f'{number:03}'), 'w') as file:
        file.write(seed)
