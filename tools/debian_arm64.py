# SPDX-License-Identifier: Apache-2.0
"""Debian packages of the arm64 architecture, fetched and unpacked; nothing is installed.

dpkg --add-architecture would change what the whole machine may install, and -dev packages of two architectures conflict.
So apt is run with folders of its own (build/cache/arm64/apt, or below CARDMUX_ARM64_CACHE) for that architecture, with the
servers that the machine's own apt uses for Debian: it resolves dependencies as if nothing at all were installed.
"""
import contextlib
import fcntl
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
CACHE = pathlib.Path(os.environ.get('CARDMUX_ARM64_CACHE', ROOT / 'build/cache/arm64'))
KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise RuntimeError(f'{" ".join(map(str, command))}: exit {done.returncode}\n{done.stdout[-3000:]}')
    return done.stdout


@contextlib.contextmanager
def locked(name):
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f'{name}.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def servers():
    """Lines for a sources.list: Debian's own archives among those that this machine's apt knows."""
    rows = run('apt-get', 'indextargets', '--format', '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)', 'Created-By: Packages')
    lines = {f'deb [arch=arm64 signed-by={KEYRING}] {uri} {release} {component}'
             for uri, release, component, origin in (row.split('|') for row in rows.split()) if origin == 'Debian'}
    if not lines:
        raise RuntimeError('apt knows no package lists of Debian: run apt-get update')
    return '\n'.join(sorted(lines)) + '\n'


class Apt:
    """apt for arm64, of a machine on which nothing is installed. Under the lock "apt"."""

    def __init__(self):
        self.home = CACHE / 'apt'
        for folder in ('lists/partial', 'archives/partial', 'sources.d'):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        (self.home / 'status').touch()
        self.options = [word for key, value in {
            'APT::Architecture': 'arm64', 'APT::Architectures': 'arm64', 'APT::Sandbox::User': 'root',
            'APT::Install-Recommends': 'false', 'Acquire::Languages': 'none', 'Acquire::Retries': '3',
            'Dir::Etc::SourceList': self.home / 'sources.list', 'Dir::Etc::SourceParts': self.home / 'sources.d',
            'Dir::State': self.home, 'Dir::State::Lists': self.home / 'lists', 'Dir::State::status': self.home / 'status',
            'Dir::Cache': self.home, 'Dir::Cache::Archives': self.home / 'archives', 'DPkg::Post-Invoke': '',
        }.items() for word in ('-o', f'{key}={value}')]
        wanted = servers()
        sources = self.home / 'sources.list'
        if not sources.exists() or sources.read_text() != wanted:
            sources.write_text(wanted)
            self.update()

    def update(self):
        # its own hooks may touch the machine's cache: not ours to call
        run('apt-get', *self.options, '-o', 'APT::Update::Post-Invoke::=', '-q', '--error-on=any', 'update')

    def depends(self, package):
        return run('apt-cache', *self.options, 'depends', '--no-recommends', '--no-suggests', package)

    def fetch(self, packages, folder, needs=True):
        """The files of these packages into `folder`; with all that they need, or alone."""
        try:
            self._fetch(packages, folder, needs)
        except RuntimeError:  # what the lists name is replaced on the servers from time to time
            self.update()
            self._fetch(packages, folder, needs)

    def _fetch(self, packages, folder, needs):
        if not needs:
            run('apt-get', *self.options, '-q', 'download', *packages, cwd=folder)
            return
        run('apt-get', *self.options, '-o', f'Dir::Cache::Archives={folder}', '-q', '-y', '--download-only', 'install', *packages)


def unpack(folder, tree):
    """All packages of a folder into one tree; absolute links in it become relative, since / is the tree."""
    files = sorted(pathlib.Path(folder).glob('*.deb'))
    if not files:
        raise RuntimeError('apt fetched nothing')
    for file in files:
        run('dpkg-deb', '-x', file, tree)
        file.unlink()
    for place, folders, names in os.walk(tree):
        for name in folders + names:
            path = os.path.join(place, name)
            if os.path.islink(path) and (target := os.readlink(path)).startswith('/'):
                os.unlink(path)
                os.symlink(os.path.relpath(f'{tree}{target}', place), path)


def release_of(package):
    """The version in the name of the package that a package without version (linux-image-arm64) stands for."""
    with locked('apt'):
        match = re.search(r'Depends: linux-image-(\d\S*)-arm64', Apt().depends(package))
    if not match:
        raise RuntimeError(f'the package lists know no {package}')
    return match[1]
