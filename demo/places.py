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
from guest_kernel import GuestKernel  # noqa: E402
from vm import Vm, ivshmem_args  # noqa: E402

SCRIPT = """
sha256sum /bin/sdf_demo
echo PLACE ready
while read -r number line; do
    [ "$number" = end ] && break
    $line >$OUT/$number.txt 2>$OUT/$number.err </dev/null
    echo "PLACE $number $?"
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


class VmPlace(Place):
    kind = 'virtual machine, ivshmem'

    def __init__(self, name, tenant, door, files, module, kernel):
        super().__init__(name, tenant)
        self.vm = Vm(name, 'export OUT=/out\n' + SCRIPT, {f'/{where}': path for where, path in files.items()},
                     ivshmem_args(door), own_modules=[module] if module else (), kernel=kernel)

    def begin(self):
        self.vm.start()

    def expect(self, pattern):
        return self.vm.expect(pattern, WAIT)

    def tell(self, number, line):
        self.vm.send(f'{number} {line}')

    def result(self):
        self.vm.send('end')
        return self.vm.finish(WAIT).files

    def kill(self):
        self.vm.kill()


class ContainerPlace(Place):
    kind = 'container, UNIX socket'

    def __init__(self, name, tenant, door, files, folder):
        super().__init__(name, tenant)
        self.results = f'{folder}/results-{name}'
        os.mkdir(self.results)
        os.chown(self.results, USER, USER)
        self.console, self.ends = '', []
        extra = {f'/{where}': path for where, path in files.items()}
        program = shutil.which('busybox')
        for applet in ('sh', 'sha256sum'):
            extra[f'/bin/{applet}'] = program
        self.container = Container(program, ['sh', '-c', 'export OUT=/results\n' + SCRIPT], door, self.results, extra)

    def begin(self):
        lines, said = os.pipe(), os.pipe()
        self.container.input, self.container.output = lines[0], said[1]
        self.container.start()
        os.close(lines[0])
        os.close(said[1])
        os.set_blocking(said[0], False)
        self.ends = [lines[1], said[0]]

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


def guest_module(kernel, folder):
    return kernel.build_module(f'{folder}/kmod')


def guest_kernel():
    return GuestKernel()
