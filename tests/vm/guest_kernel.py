# SPDX-License-Identifier: Apache-2.0
"""Debian's stock kernel for test guests, and modules built against it; nothing is installed.

The packages that linux-image-amd64 stands for today, and the headers of just that version, are fetched with apt-get
download and unpacked into a cache folder (build/cache/vm, or CARDMUX_VM_CACHE).
"""
import fcntl, os, re, shutil, subprocess, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CARDMUX_VM_CACHE", ROOT / "build/cache/vm"))


def _run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def _packages():
    match = re.search(r"Depends: linux-image-(\d\S*)-amd64", _run("apt-cache", "depends", "linux-image-amd64"))
    if not match:
        raise RuntimeError("apt knows no linux-image-amd64: run apt-get update")
    version = match.group(1)
    kbuild = ".".join(version.split(".")[:2])
    return version, [f"linux-image-{version}-amd64", f"linux-headers-{version}-amd64", f"linux-headers-{version}-common",
                     f"linux-kbuild-{kbuild}"]


class GuestKernel:
    """image: vmlinuz; release: uname -r; headers: what KDIR takes."""

    def __init__(self):
        if re.search(r"[\s:]", str(CACHE)):
            raise RuntimeError(f"the kernel's build system takes no path like '{CACHE}': clone to one without spaces and "
                               "colons, or name a folder in CARDMUX_VM_CACHE")
        version, packages = _packages()
        self.release = f"{version}-amd64"
        self.tree = CACHE / self.release
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.tree.is_dir():
                self._fetch(packages)
        self.image = self.tree / f"boot/vmlinuz-{self.release}"
        self.headers = self.tree / f"usr/src/linux-headers-{self.release}"
        self._modules = {p.stem.replace("-", "_"): p for p in (self.tree / "lib/modules").rglob("*.ko")}

    def _fetch(self, packages):
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            os.chmod(work, 0o755)
            _run("apt-get", "download", *packages, cwd=work)
            tree = Path(work) / "tree"
            for package in Path(work).glob("*.deb"):
                _run("dpkg-deb", "-x", package, tree)
            # The one absolute path in them; it must hold wherever the folder goes.
            makefile = tree / f"usr/src/linux-headers-{self.release}/Makefile"
            here = "$(dir $(lastword $(MAKEFILE_LIST)))"
            makefile.write_text(makefile.read_text().replace(" /usr/src/", f" {here}../"))
            os.rename(tree, self.tree)

    def modules(self, names):
        """Files of the named modules and all they need, in the order in which to load them."""
        order = []

        def add(name):
            path = self._modules.get(name.replace("-", "_"))
            if not path:
                raise RuntimeError(f"kernel {self.release} has no module {name}")
            if path in order:
                return
            found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
            for need in filter(None, (found.group(1).decode() if found else "").split(",")):
                add(need)
            order.append(path)

        for name in names:
            add(name)
        return order

    def build_module(self, out):
        """Our own module, built from an installed source tree as DKMS does; the path of cardmux.ko in `out`."""
        out = Path(out)
        shutil.rmtree(out, ignore_errors=True)
        _run("make", "-C", ROOT / "kmod", "source", f"DEST={out}")
        said = _run("make", "-C", out, f"KDIR={self.headers}", "W=1", "modules")
        if re.search(r"\bwarning\b", said, re.I):
            raise RuntimeError(f"the kernel module has warnings:\n{said}")
        return out / "cardmux.ko"
