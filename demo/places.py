# SPDX-License-Identifier: Apache-2.0
"""places.py: where a tenant's program runs: a virtual machine, or a container. Both run the same script, which takes
numbered command lines from its input, keeps what each prints in a file NUMBER.txt of its results, and says when it is done.

    place.begin(); place.tell(number, line); place.done(number) -> status; place.result() -> {file: bytes}
"""
import os
import re
import shutil
import sys
import time

from container import USER, Container

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f'{ROOT}/tests/vm')
from vm import Vm  # noqa: E402

SCRIPT = """
export OUT={out} CARDMUX_REACH={reach}
sha256sum /bin/sdf_demo
echo PLACE ready
while read -r number line; do
    [ "$number" = end ] && break
    $line >$OUT/$number.txt 2>$OUT/$number.err </dev/null
    status=$?
    [ $status = 0 ] || cat $OUT/$number.err
    echo "PLACE $number $status"
done
"""
WAIT = 120


class Place:
    def __init__(self, name, tenant):
        self.name, self.tenant = name, tenant

    def digest(self):
        """The SHA-256 of the program as this place sees it; waits until the place is up."""
        match = self.expect(r'^([0-9a-f]{64})  /bin/sdf_demo\nPLACE ready$')
        return match[1]

    def done(self, number):
        return int(self.expect(rf'^PLACE {number} (\d+)$')[1])

    def words(self, number):
        """What a command that failed said."""
        return self.said().split(f'PLACE {number} ')[0].strip().splitlines()[-1:]


class VmPlace(Place):
    kind = 'virtual machine'

    def __init__(self, name, tenant, reach, args, program, kernel, modules=(), own_modules=()):
        """reach: forced, nothing falls back to another way"""
        super().__init__(name, tenant)
        self.reach = reach
        self.vm = Vm(name, SCRIPT.format(out='/out', reach=reach), {'/bin/sdf_demo': program}, args,
                     modules=modules, own_modules=own_modules, kernel=kernel)

    def begin(self):
        self.vm.start()

    def expect(self, pattern):
        return self.vm.expect(pattern, WAIT)

    def said(self):
        return self.vm.console

    def tell(self, number, line):
        self.vm.send(f'{number} {line}')

    def result(self):
        self.vm.send('end')
        return self.vm.finish(WAIT).files

    def kill(self):
        self.vm.kill()


class ContainerPlace(Place):
    kind, reach = 'container', 'unix'

    def __init__(self, name, tenant, door, program, folder):
        super().__init__(name, tenant)
        self.results = f'{folder}/results-{name}'
        os.mkdir(self.results)
        os.chown(self.results, USER, USER)
        self.console, self.ends = '', []
        busybox = shutil.which('busybox')
        extra = {'/bin/sdf_demo': program, '/bin/sh': busybox, '/bin/sha256sum': busybox}
        script = SCRIPT.format(out='/results', reach=self.reach)
        self.container = Container(busybox, ['sh', '-c', script], door, self.results, extra)

    def begin(self):
        lines, said = os.pipe(), os.pipe()
        self.container.input, self.container.output = lines[0], said[1]
        self.container.start()
        os.close(lines[0])
        os.close(said[1])
        os.set_blocking(said[0], False)
        self.ends = [lines[1], said[0]]

    def borders(self):
        """The kinds of namespace in which it is not the host's, and what stands in its root."""
        with open(f'/proc/{self.container.pid}/task/{self.container.pid}/children') as file:
            first = file.read().split()[0]
        own = [kind for kind in ('user', 'mnt', 'pid', 'net', 'ipc', 'uts')
               if os.readlink(f'/proc/{first}/ns/{kind}') != os.readlink(f'/proc/self/ns/{kind}')]
        return own, sorted(os.listdir(f'/proc/{first}/root'))

    def expect(self, pattern):
        until = time.monotonic() + WAIT
        while not (match := re.search(pattern, self.console, re.M)):
            try:
                data = os.read(self.ends[1], 65536)
            except BlockingIOError:
                data = None
                time.sleep(0.01)
            if data == b'' or time.monotonic() > until:
                raise RuntimeError(f'{self.name}: no /{pattern}/ was said:\n{self.console}')
            self.console += (data or b'').decode(errors='replace')
        return match

    def said(self):
        return self.console

    def tell(self, number, line):
        os.write(self.ends[0], f'{number} {line}\n'.encode())

    def result(self):
        os.write(self.ends[0], b'end\n')
        status = self.container.wait()
        if status:
            raise RuntimeError(f'{self.name}: ended with {status}:\n{self.console}')
        files = {}
        for name in os.listdir(self.results):
            with open(f'{self.results}/{name}', 'rb') as file:
                files[name] = file.read()
        return files

    def kill(self):
        self.container.kill()
        for fd in self.ends:
            os.close(fd)
        self.ends = []
