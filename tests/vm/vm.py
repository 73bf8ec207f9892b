# SPDX-License-Identifier: Apache-2.0
"""Test guests: stock QEMU, Debian's stock kernel, an initramfs of busybox and what a test puts in. The kernel's architecture
is the guest's.

    result = vm_run("name", "my_program --flag", files={"/bin/my_program": path}, args=ivshmem_args(socket))
    result.status, result.console, result.files["notes.txt"], result.interrupts("cardmux")

The command is a shell script; what it leaves in /out comes back as result.files, its output is the console's. For tests
that act while the guest runs there is Vm: start, expect (a line on the console), send (a line to it), qmp, finish, kill.

How results come out: a tar archive over the second serial port, the exit status in it; an archive that is cut short is
an error, not a result. QEMU dies with us, is killed at its timeout, and only ever by its own process object.
"""
import ctypes, io, json, os, re, selectors, shutil, signal, socket, stat, subprocess, tarfile, tempfile, time
from pathlib import Path
from guest_kernel import GuestKernel, ROOT, debian_arm64

# Without it Linux counts a few ticks while it sets up the IO-APIC, and panics where an emulated processor that others
# keep from running misses them.
TIMER = {"amd64": " no_timer_check", "arm64": ""}
# The console is one serial port of the machine, results leave by another.
PORTS = {"amd64": {"console": "ttyS0", "out": "ttyS1"}, "arm64": {"console": "ttyAMA0", "out": "ttyS0"}}

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /out /etc /usr/bin /usr/sbin /sbin /root /var
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/sbin:/usr/sbin HOME=/root LD_LIBRARY_PATH=/lib:/usr/lib
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
ln -sf /proc/self/fd /dev/fd; ip link set lo up
for module in $(cat /modules/order); do insmod /modules/$module || echo "VM: insmod $module failed"; done
echo "VM: up"
cat /proc/interrupts >/out/interrupts.before
sh /command 2>&1
echo $? >/out/status
cat /proc/interrupts >/out/interrupts.after
dmesg >/out/dmesg
stty -F /dev/{out} raw
tar -c -f - -C /out . >/dev/{out}
sync
poweroff -f
"""


def ivshmem_args(path, name="card", vectors=16, extra=""):
    return ["-chardev", f"socket,id={name}-door,path={path}",
            "-device", f"ivshmem-doorbell,id={name},chardev={name}-door,vectors={vectors},master=on{extra}"]


def machine_args(architecture, machine):
    """Of stock QEMU; `machine` where it is not the usual one."""
    if architecture == "arm64":  # the board has one serial port for us, so results leave by one on PCI
        return ["qemu-system-aarch64", "-M", machine or "virt,gic-version=3", "-cpu", "cortex-a57", "-accel", "tcg,thread=multi"]
    return ["qemu-system-x86_64", "-M", machine or "q35", *accelerator()]


def out_args(architecture, path):
    if architecture == "arm64":
        return ["-chardev", f"file,id=out,path={path}", "-device", "pci-serial,chardev=out"]
    return ["-serial", f"file:{path}"]


def accelerator():
    real = any(os.path.isdir(f"/sys/module/{m}") for m in ("kvm_intel", "kvm_amd"))
    if real and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi"]


def needs_native(path):
    """(where the loader will look, file) of all libraries that a program needs, and of the loader."""
    said = subprocess.run(["ldd", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for line in said.splitlines():
        match = re.search(r"=> (/.+) \(0x|^\s*(/.+) \(0x", line)
        if match:
            library = match.group(1) or match.group(2)
            yield (library if match.group(2) else f"/lib/{os.path.basename(library)}"), library


def needs_arm64(path):
    """The same for a program of arm64, with the libraries of its sysroot."""
    sysroot = debian_arm64.CACHE / "sysroot"
    places = [sysroot / "lib/aarch64-linux-gnu", sysroot / "usr/lib/aarch64-linux-gnu"]
    have, todo = {}, [Path(path)]
    while todo:
        program = todo.pop()
        said = subprocess.run(["readelf", "-dW", program], stdout=subprocess.PIPE, text=True, check=True).stdout
        own = [Path(place.replace("$ORIGIN", str(program.resolve().parent))) for paths in re.findall(r"R(?:UN)?PATH\).*\[(.*)\]", said)
               for place in paths.split(":")]
        for name in re.findall(r"NEEDED\).*\[(.*)\]", said):
            if name in have:
                continue
            file = next((place / name for place in own + places if (place / name).exists()), None)
            if not file:
                raise RuntimeError(f"{program} needs {name}, which is not in {sysroot}")
            have[name] = file
            todo.append(file)
    return [(f"/lib/{name}", file) for name, file in have.items()]


class Archive:
    """Writes an initramfs ("newc" cpio)."""

    def __init__(self, path):
        self.file, self.number, self.have = open(path, "wb"), 0, set()

    def _entry(self, name, mode, data=b""):
        self.number += 1
        name = name.lstrip("/").encode() + b"\0"
        fields = (self.number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self.file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def add(self, name, data, mode=0o755):
        parts = name.strip("/").split("/")
        for i in range(1, len(parts)):
            folder = "/".join(parts[:i])
            if folder not in self.have:
                self.have.add(folder)
                self._entry(folder, stat.S_IFDIR | 0o755)
        if "/".join(parts) not in self.have:
            self.have.add("/".join(parts))
            self._entry(name, stat.S_IFREG | mode, data)

    def add_program(self, name, path):
        """A file; for a dynamic program or library also what the loader finds for it, where it finds it."""
        data = Path(path).read_bytes()
        self.add(name, data)
        if data[:4] != b"\x7fELF":
            return
        for inside, library in (needs_arm64 if data[18] == 183 else needs_native)(path):
            self.add(inside, Path(library).read_bytes())

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.file.close()


class Result:
    def __init__(self, status, console, files):
        self.status, self.console, self.files = status, console, files

    def text(self, name):
        return self.files[name].decode(errors="replace")

    def interrupts(self, word):
        """By how much the counts of the vectors whose line has `word` grew while the command ran."""
        def total(name):
            return sum(int(n) for line in self.text(name).splitlines() if word in line
                       for n in re.match(r"\s*\S+:((?:\s+\d+)*)\s", line + " ").group(1).split())
        return total("interrupts.after") - total("interrupts.before")


class Vm:
    def __init__(self, name, command, files=None, args=(), modules=(), own_modules=(), memory=512, cpus=1,
                 machine=None, append="", kernel=None):
        self.name, self.console, self.process, self.monitor = name, "", None, None
        self.kernel = kernel or GuestKernel()
        self.work = Path(tempfile.mkdtemp(prefix=f"vm-{name}-"))
        try:
            self._pack(command, files or {}, self.kernel.modules(modules) + [Path(m) for m in own_modules])
        except BaseException:
            self.kill()
            raise
        program, *machine_words = machine_args(self.kernel.architecture, machine)
        self.line = [program, "-nodefaults", "-display", "none", *machine_words,
                     "-m", str(memory), "-smp", str(cpus), "-no-reboot", "-kernel", str(self.kernel.image),
                     "-initrd", str(self.work / "initrd"),
                     "-append", f"console={PORTS[self.kernel.architecture]['console']} quiet panic=-1"
                     f"{TIMER[self.kernel.architecture]} {append}".strip(),
                     "-serial", "stdio", *out_args(self.kernel.architecture, self.work / "out.tar"), "-monitor", "none",
                     "-qmp", f"unix:{self.work}/qmp,server=on,wait=off", *map(str, args)]

    def _pack(self, command, files, modules):
        archive = Archive(self.work / "initrd")
        archive.add("/init", INIT.replace("{out}", PORTS[self.kernel.architecture]["out"]).encode())
        archive.add("/bin/busybox", self.kernel.busybox.read_bytes())
        archive.add("/command", command.encode() + b"\n")
        archive.add("/modules/order", "\n".join(m.name for m in modules).encode() + b"\n")
        for module in modules:
            archive.add(f"/modules/{module.name}", module.read_bytes())
        for inside, path in files.items():
            archive.add(inside, path) if isinstance(path, bytes) else archive.add_program(inside, path)
        archive.close()

    def start(self, *more):
        """more: words of QEMU for this start alone"""
        libc = ctypes.CDLL(None)
        parent = os.getpid()

        def die_with_parent():
            libc.prctl(1, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        self.process = subprocess.Popen([*self.line, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.reader = selectors.DefaultSelector()
        self.reader.register(self.process.stdout, selectors.EVENT_READ)
        return self

    @property
    def pid(self):
        return self.process.pid

    def _read(self, seconds):
        """Takes in what the console says; False at its end."""
        if not self.reader.select(max(seconds, 0)):
            return True
        data = self.process.stdout.read()
        self.console += (data or b"").decode(errors="replace").replace("\r", "")
        return data != b""

    def expect(self, pattern, timeout=60):
        """The match of `pattern` on the console, from its beginning."""
        until = time.monotonic() + timeout
        while not (match := re.search(pattern, self.console, re.M)):
            if time.monotonic() > until or not self._read(min(1, until - time.monotonic())):
                raise RuntimeError(f"{self.name}: no /{pattern}/ on the console:\n{self.console}")
        return match

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def _qmp_say(self, what):
        """One answer; events are passed over."""
        self.monitor.write(json.dumps(what) + "\n")
        self.monitor.flush()
        while True:
            try:
                line = self.monitor.readline()
            except ConnectionResetError:
                line = ""
            if not line:
                self._read(2)
                raise RuntimeError(f"{self.name}: QEMU ended at QMP {what}:\n{self.console}")
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{self.name}: QMP {what}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def qmp(self, command, **arguments):
        """One connection for all commands. It is made before anything is unplugged: without irqfds (TCG) QEMU 7.2
        leaves handlers on the numbers of an unplugged ivshmem device's eventfds, and a new connection, or a device
        whose descriptors come in another order, can end up on one of those numbers, which crashes QEMU."""
        if not self.monitor:
            door = socket.socket(socket.AF_UNIX)
            door.settimeout(20)
            door.connect(str(self.work / "qmp"))
            self.monitor = door.makefile("rw")
            door.close()
            self.monitor.readline()
            self._qmp_say({"execute": "qmp_capabilities"})
        return self._qmp_say({"execute": command, "arguments": arguments})

    def unplug(self, device, timeout=30):
        """device_del, until QEMU has let go of it (it frees its memory only some time after it answers)."""
        self.qmp("device_del", id=device)
        until = time.monotonic() + timeout
        while any(child["name"] == device for child in self.qmp("qom-list", path="/machine/peripheral")):
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name}: {device} stays plugged in:\n{self.console}")
            time.sleep(0.1)
        time.sleep(1)

    def save(self, path, timeout=60):
        """Writes the machine's state to a file, as a migration that nobody receives yet, and ends QEMU."""
        self._migrate(f"exec:cat >{path}", timeout)
        self._end()

    def _migrate(self, uri, timeout):
        self.qmp("migrate", uri=uri)
        until = time.monotonic() + timeout
        while (now := self.qmp("query-migrate"))["status"] != "completed":
            if now["status"] in ("failed", "cancelled") or time.monotonic() > until:
                raise RuntimeError(f"{self.name}: not saved: {now}")
            time.sleep(0.05)

    def _await_running(self, timeout):
        until = time.monotonic() + timeout
        while not (self.work / "qmp").exists() or self.qmp("query-status")["status"] != "running":
            if self.process.poll() is not None or time.monotonic() > until:
                self._read(1)
                raise RuntimeError(f"{self.name}: not restored:\n{self.console}")
            time.sleep(0.05)

    def move(self, timeout=120):
        """Live migration, to another QEMU on this host; the first one is ended when all is there."""
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 30, "downtime-limit": 5000})
        source, monitor, path = self.process, self.monitor, self.work / "moving"
        (self.work / "qmp").unlink()
        try:
            self.start("-incoming", f"unix:{path}")
            until = time.monotonic() + timeout
            while not path.exists():
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{self.name}: nobody receives it")
                time.sleep(0.05)
            self._migrate(f"unix:{path}", timeout)
            self.console += (source.stdout.read() or b"").decode(errors="replace").replace("\r", "")
        finally:
            source.kill()
            source.wait()
            monitor.close()
            source.stdin.close()
            source.stdout.close()
            self.monitor = None
        self._await_running(timeout)

    def restore(self, path, without=(), timeout=60):
        """A QEMU that goes on with what save() left; `without` are words of its line that are unplugged by now."""
        self.line = [word for i, word in enumerate(self.line) if word not in without and
                     not (word in ("-device", "-chardev") and self.line[i + 1] in without)]
        (self.work / "qmp").unlink()
        self.start("-incoming", f"exec:cat {path}")
        self._await_running(timeout)

    def finish(self, timeout=120):
        try:
            until = time.monotonic() + timeout
            while self._read(1):
                if time.monotonic() > until:
                    raise RuntimeError(f"{self.name}: not done after {timeout} s:\n{self.console}")
            self.process.wait(timeout=20)
            return self._result()
        finally:
            self.kill()

    def _result(self):
        files = {}
        try:
            with tarfile.open(self.work / "out.tar") as archive:
                for member in archive:
                    if member.isfile():
                        files[os.path.normpath(member.name)] = archive.extractfile(member).read()
            raw = (self.work / "out.tar").read_bytes()
            if not raw.endswith(bytes(1024)) or "status" not in files:
                raise tarfile.TarError("cut short")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise RuntimeError(f"{self.name}: no result came out ({error}):\n{self.console}") from error
        return Result(int(files["status"]), self.console, files)

    def _end(self):
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            if self.monitor:
                self.monitor.close()
                self.monitor = None
            self.process.stdin.close()
            self.process.stdout.close()

    def kill(self):
        self._end()
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def vm_run(name, command, files=None, args=(), timeout=300, **options):
    with Vm(name, command, files, args, **options) as vm:
        return vm.start().finish(timeout)
