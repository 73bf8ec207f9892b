# SPDX-License-Identifier: Apache-2.0
"""Debian's stock kernels for test guests, and modules built against them; nothing is installed.

The packages that linux-image-amd64 (or -arm64) stands for today, and the headers of just that version, are fetched with
apt-get download and unpacked into a cache folder (build/cache/vm, or CARDMUX_VM_CACHE). With arm64's comes its busybox.
"""
import fcntl, lzma, os, re, shutil, struct, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CARDMUX_VM_CACHE", ROOT / "build/cache/vm"))
sys.path.insert(0, str(ROOT / "tools"))
import debian_arm64  # noqa: E402


def _run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def _version(architecture):
    if architecture == "arm64":
        return debian_arm64.release_of("linux-image-arm64")
    match = re.search(r"Depends: linux-image-(\d\S*)-amd64", _run("apt-cache", "depends", "linux-image-amd64"))
    if not match:
        raise RuntimeError("apt knows no linux-image-amd64: run apt-get update")
    return match.group(1)


def _unpacked(bzimage):
    """The kernel that a compressed one unpacks itself to; None where it is not packed with xz. A third of an emulated boot
    goes into unpacking, and QEMU starts an ELF kernel (PVH) just as well."""
    data = bzimage.read_bytes()
    offset, length = struct.unpack_from("<II", data, 0x248)  # payload_offset, payload_length of the boot protocol
    start = (data[0x1F1] + 1) * 512 + offset
    if data[start:start + 6] != b"\xfd7zXZ\0":
        return None
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data[start:start + length])  # its length follows


class GuestKernel:
    """image: what QEMU's -kernel takes; release: uname -r; headers: what KDIR takes; busybox: a static one."""

    def __init__(self, architecture="amd64"):
        if re.search(r"[\s:]", str(CACHE)):
            raise RuntimeError(f"the kernel's build system takes no path like '{CACHE}': clone to one without spaces and "
                               "colons, or name a folder in CARDMUX_VM_CACHE")
        self.architecture, self.version = architecture, _version(architecture)
        self.release = f"{self.version}-{architecture}"
        self.tree = CACHE / self.release
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.tree.is_dir():
                self._fetch()
            self.image = self._image()
        self.headers = self.tree / f"usr/src/linux-headers-{self.release}"
        self.busybox = self.tree / "bin/busybox" if architecture == "arm64" else Path(shutil.which("busybox"))
        self._modules = {p.stem.replace("-", "_"): p for p in (self.tree / "lib/modules").rglob("*.ko")}

    def _download(self, work):
        stock = [f"linux-image-{self.release}", f"linux-headers-{self.release}", f"linux-headers-{self.version}-common"]
        tools = "linux-kbuild-" + ".".join(self.version.split(".")[:2])  # they run here, whatever they build for
        if self.architecture == "arm64":
            with debian_arm64.locked("apt"):
                debian_arm64.Apt().fetch([*stock, "busybox-static"], work, needs=False)
            stock = []
        _run("apt-get", "download", *stock, tools, cwd=work)

    def _fetch(self):
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            os.chmod(work, 0o755)
            self._download(work)
            tree = Path(work) / "tree"
            for package in Path(work).glob("*.deb"):
                _run("dpkg-deb", "-x", package, tree)
            # The one absolute path in them; it must hold wherever the folder goes.
            makefile = tree / f"usr/src/linux-headers-{self.release}/Makefile"
            here = "$(dir $(lastword $(MAKEFILE_LIST)))"
            makefile.write_text(makefile.read_text().replace(" /usr/src/", f" {here}../"))
            os.rename(tree, self.tree)

    def _image(self):
        packed, unpacked = (self.tree / f"boot/{name}-{self.release}" for name in ("vmlinuz", "vmlinux"))
        if self.architecture == "amd64" and not unpacked.exists() and (kernel := _unpacked(packed)):
            part = packed.with_name("unpacking")
            part.write_bytes(kernel)
            os.rename(part, unpacked)
        return unpacked if unpacked.exists() else packed

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
        cross = ["DEB_BUILD_ARCH=amd64", "DEB_HOST_ARCH=arm64", "DEB_HOST_GNU_TYPE=aarch64-linux-gnu"]
        # `make -j check` hands down a jobserver that scripts do not pass on, and make would warn of it
        env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        said = _run("make", "-C", out, f"KDIR={self.headers}", "W=1", *(cross if self.architecture == "arm64" else []), "modules",
                    env=env)
        if re.search(r"\bwarning\b", said, re.I):
            raise RuntimeError(f"the kernel module has warnings:\n{said}")
        return out / "cardmux.ko"
