# SPDX-License-Identifier: Apache-2.0
"""leftovers.py: what a machine has before and after, compared.

Counted are processes, mounts, namespaces, UNIX sockets, shared memory (/dev/shm and System V) and the entries of the folders
where a daemon could leave something. A machine does other things meanwhile, so a thing that is new is held against us only
where it can be ours; whatever else is new is named as foreign. Ours is, without a gap:

  processes    descendants of this one: become_reaper() makes orphans come back to us, so none can leave the family
  namespaces   those in which one of our processes was seen (sample(), called while things run), and still held
  shared memory   what one of our processes made, and what has the daemon's name in it
  the others      what has our private folder's name in it, or, outside of /tmp, the daemon's
"""
import ctypes
import glob
import os
import re

PR_SET_CHILD_SUBREAPER = 36
OWN_NAMES = ('cardmux', 'ivshmem', 'qemu')
FOLDERS = ('/tmp', '/run', '/var/lib', '/var/run', '/run/cardmux', '/etc/cardmux', '/run/user')


def become_reaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def read(path):
    try:
        with open(path, errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def processes():
    """{pid: (parent, start time, name)}"""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        stat = read(f'/proc/{pid}/stat')
        if stat:
            name, rest = stat[stat.index('(') + 1:stat.rindex(')')], stat[stat.rindex(')') + 2:].split()
            found[int(pid)] = (int(rest[1]), int(rest[19]), name)
    return found


def descendants(root=None):
    """{pid: name} of the processes below root (this one); zombies count."""
    table, root = processes(), root or os.getpid()
    family = {root}
    while True:
        more = {pid for pid, (parent, _, _) in table.items() if parent in family} - family
        if not more:
            return {pid: table[pid][2] for pid in family - {root}}
        family |= more


def namespaces_of(pid):
    for link in glob.glob(f'/proc/{pid}/ns/*'):
        try:
            yield os.readlink(link)
        except OSError:
            pass


class Snapshot:
    def __init__(self):
        self.kinds = {
            'processes': {f'{name} (pid {pid}, since {start})' for pid, (_, start, name) in processes().items()},
            'mounts': {' '.join(line.split()[4:5] + line.split(' - ')[1].split()[:2])
                       for line in read('/proc/self/mountinfo').splitlines()},
            'namespaces': {name for pid in processes() for name in namespaces_of(pid)},
            'sockets': set(re.findall(r'\s([/@]\S+)$', read('/proc/net/unix'), re.M)),
            'shared memory': self._shared_memory(),
            'files': {f'{folder}/{name}' for folder in FOLDERS if os.path.isdir(folder) for name in os.listdir(folder)},
        }

    @staticmethod
    def _shared_memory():
        found = {f'/dev/shm/{name}' for name in (os.listdir('/dev/shm') if os.path.isdir('/dev/shm') else [])}
        lines = read('/proc/sysvipc/shm').splitlines()[1:]
        return found | {f'System V segment {line.split()[1]}, of pid {line.split()[4]}' for line in lines}


class Watch:
    """Made before anything starts; report() when everything has ended."""

    def __init__(self, folder):
        become_reaper()
        self.folder = os.path.basename(folder)
        self.before = Snapshot()
        self.before.kinds['files'].discard(folder)  # it was made for us already, and must be gone
        self.seen_namespaces, self.seen_pids = set(), set()

    def sample(self):
        """Notes what our processes have that others do not; called while they run."""
        family = descendants()
        self.seen_pids.update(family)
        for pid in family:
            self.seen_namespaces.update(namespaces_of(pid))
        self.seen_namespaces -= self.before.kinds['namespaces']

    def _ours(self, kind, item):
        if kind == 'processes':
            return False  # descendants are told apart exactly, in report()
        if kind == 'namespaces':
            return item in self.seen_namespaces
        if kind == 'shared memory' and item.endswith(tuple(f' of pid {pid}' for pid in self.seen_pids) or ('\0',)):
            return True
        if item.startswith('/tmp/'):
            return self.folder in item
        return self.folder in item or any(name in item for name in OWN_NAMES)

    def report(self, say=print):
        """Prints the comparison; returns the list of what we left behind."""
        after, left = Snapshot(), []
        say(f'{"":16} {"before":>7} {"after":>7}   left by the demo')
        for kind, before in self.before.kinds.items():
            new = after.kinds[kind] - before
            ours = sorted(item for item in new if self._ours(kind, item))
            if kind == 'processes':
                ours = [f'{name} (pid {pid})' for pid, name in descendants().items()]
            left += [f'{kind}: {item}' for item in ours]
            say(f'{kind:16} {len(before):7} {len(after.kinds[kind]):7}   {", ".join(ours) or "nothing"}')
        return left
