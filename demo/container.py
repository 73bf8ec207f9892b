# SPDX-License-Identifier: Apache-2.0
"""container.py: a process as a container runtime makes one, without a container runtime.

It has a user, mount, pid, network, IPC and UTS namespace of its own. Its root is a fresh tmpfs that holds the program, the
libraries that the program needs, its tenant's socket as /run/cardmux/card.sock and a folder for results, each
bound in, and nothing else; the host's tree is unmounted. Its user 0 is an ordinary unprivileged user of the host. All of it
ends with the process: nothing is mounted outside of its mount namespace, and the process dies with its parent.

    Container(program, arguments, socket, results).start() -> pid on the host; wait() -> status
"""
import ctypes
import os
import re
import signal
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (1, 2, 4, 32, 4096, 16384, 1 << 18)
MNT_DETACH, PR_SET_PDEATHSIG = 2, 1
OPEN_TREE, MOVE_MOUNT, AT_FDCWD, OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = 428, 429, -100, 1, 4
PIVOT_ROOT = {'x86_64': 155, 'aarch64': 41}[os.uname().machine]
USER = 362144  # the host's user id that the container's user 0 is


def checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source, target, kind=None, flags=0, data=None):
    def text(value):
        return os.fsencode(value) if value is not None else None
    checked(LIBC.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(data)), f'mount {target}')


def taken(path):
    """A file or folder of the host as a mount that hangs nowhere yet. Taken while we are still the host's root, for the
    container's user may not reach it where it lies: below /root, say."""
    fd = LIBC.syscall(OPEN_TREE, AT_FDCWD, os.fsencode(os.path.realpath(path)), OPEN_TREE_CLONE | os.O_CLOEXEC)
    checked(min(fd, 0), f'open_tree {path}')
    return fd


def attach(fd, target):
    checked(LIBC.syscall(MOVE_MOUNT, fd, b'', AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH), f'move_mount {target}')


def libraries(*programs):
    """The files that the dynamic linker would open for these programs: {name: path}, the linker itself included."""
    found = {}
    for program in programs:
        listing = subprocess.run(['ldd', program], capture_output=True, text=True).stdout  # nothing if static
        for line in listing.splitlines():
            match = re.match(r'\s*(\S+) => (/.*) \(0x', line) or re.match(r'\s*((/.*)) \(0x', line)
            if match:
                found[match[1]] = match[2]
    return found


class Container:
    def __init__(self, program, arguments, socket, results, extra=None, environment=None, output=None):
        """extra: {path inside: file of the host}; input, output: descriptors for standard input, output and error."""
        self.program, self.arguments = program, arguments
        self.binds = {'/bin/' + os.path.basename(program): program, '/run/cardmux/card.sock': socket}
        self.binds.update(extra or {})
        for name, path in libraries(program, *(extra or {}).values()).items():
            self.binds.setdefault(name if name.startswith('/') else '/lib/' + name, path)
        self.results = results
        self.environment = {'PATH': '/bin', 'LD_LIBRARY_PATH': '/lib', **(environment or {})}
        self.input, self.output = None, output
        self.pid = None

    def start(self):
        """Returns the pid of the process that waits for the container's pid 1 and ends as it ends."""
        ready, go = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._outer(ready[1], go[0], ready[0], go[1])
            except BaseException as problem:  # a forked copy of the caller must not run on
                os.write(2, f'container: {problem}\n'.encode())
            os._exit(125)
        os.close(ready[1])
        os.close(go[0])
        try:
            if os.read(ready[0], 1) == b'1':
                for name in ('uid_map', 'gid_map'):
                    with open(f'/proc/{self.pid}/{name}', 'w') as file:
                        file.write(f'0 {USER} 1')
                os.write(go[1], b'1')
        finally:
            os.close(ready[0])
            os.close(go[1])
        return self.pid

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)  # pid 1 inside dies with its parent, and all inside with pid 1
            self.wait()

    def _outer(self, ready, go, *others):
        for fd in others:
            os.close(fd)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        parent = os.getppid()
        if self.output is not None:
            os.dup2(self.output, 1)
            os.dup2(self.output, 2)
        os.dup2(os.open('/dev/null', os.O_RDONLY) if self.input is None else self.input, 0)
        binds = {inside: taken(path) for inside, path in self.binds.items()}
        results = taken(self.results)
        checked(LIBC.unshare(NEWUSER | NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS),
                'namespaces for the container (in a chroot, or where the kernel allows no user namespaces, there are none)')
        os.write(ready, b'1')
        if os.read(go, 1) != b'1':
            os._exit(125)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(125)
        inner = os.fork()
        if inner == 0:
            try:
                LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                self._inner(binds, results)
            except BaseException as problem:
                os.write(2, f'container: {problem}\n'.encode())
            os._exit(125)
        _, status = os.waitpid(inner, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)

    def _inner(self, binds, results):
        os.umask(0o022)
        mount(None, '/', flags=MS_REC | MS_PRIVATE)
        root = '/tmp'  # any folder: the tmpfs lies over it in this namespace only
        mount('tmpfs', root, 'tmpfs', MS_NOSUID | MS_NODEV, 'size=16m,mode=755')
        for inside, fd in binds.items():
            place = root + inside
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
            attach(fd, place)
        for folder in ('/results', '/proc', '/dev', '/old'):
            os.makedirs(root + folder, exist_ok=True)
        attach(results, root + '/results')
        for device in ('null', 'zero', 'urandom'):
            os.close(os.open(f'{root}/dev/{device}', os.O_CREAT | os.O_WRONLY, 0o644))
            mount(f'/dev/{device}', f'{root}/dev/{device}', flags=MS_BIND)
        mount('proc', root + '/proc', 'proc', MS_NOSUID | MS_NODEV)
        os.chdir(root)
        checked(LIBC.syscall(PIVOT_ROOT, b'.', b'old'), 'pivot_root')
        os.chdir('/')
        checked(LIBC.umount2(b'/old', MNT_DETACH), 'umount the host')
        os.rmdir('/old')
        mount(None, '/', flags=MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
        LIBC.sethostname(b'container', 9)
        os.closerange(3, 65536)
        os.chdir('/results')
        path = '/bin/' + os.path.basename(self.program)
        os.execve(path, [path, *self.arguments], self.environment)


def main():
    """container.py SOCKET RESULTS PROGRAM ARGUMENT...: for trying it by hand."""
    container = Container(sys.argv[3], sys.argv[4:], sys.argv[1], sys.argv[2])
    container.start()
    sys.exit(container.wait())


if __name__ == '__main__':
    main()
