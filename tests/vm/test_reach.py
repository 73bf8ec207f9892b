#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ways from a guest to the host, in real guests, against bare_broker:

    test_reach.py BARE_BROKER REACH_PROBE [TEST...]
"""
import re, subprocess, sys, tempfile, time
from contextlib import contextmanager
from pathlib import Path
from guest_kernel import GuestKernel
from vm import Vm, ivshmem_args, vm_run

BROKER, PROBE = (Path(p).resolve() for p in sys.argv[1:3])
KERNEL = GuestKernel()
UP = 'for d in /sys/bus/pci/devices/*; do [ "$(cat $d/device)" = 0x1110 ] && echo 1 >$d/enable; done\n'
PROBES = {"/bin/reach_probe": PROBE}


@contextmanager
def broker(pairs=16, slow_ms=200):
    """Its folder, while it runs."""
    with tempfile.TemporaryDirectory(prefix="bare-") as folder:
        process = subprocess.Popen([BROKER, folder, str(pairs), str(slow_ms)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "ready\n"
            yield Path(folder)
            assert process.poll() is None, "bare_broker died"
        finally:
            process.kill()
            process.wait()


@contextmanager
def own_module():
    with tempfile.TemporaryDirectory(prefix="kmod-") as folder:
        yield KERNEL.build_module(Path(folder) / "source")


def check_ok(said, reach, rounds=1000, sleeps=True):
    match = re.search(rf"^OK reach={reach} rounds=({rounds}) slept=(\d+) rung=(\d+) interrupts=(\d+)", said, re.M)
    assert match, said
    done, slept, rung, interrupts = map(int, match.groups())
    assert done == rounds and slept == rounds // 5, said
    if sleeps:
        assert rung == slept and interrupts >= slept, said
    return match.group(0)


def test_poll():
    """No driver; two processes at once have different queue pairs, a third finds none."""
    script = """
reach_probe ivshmem-poll 1000 || exit 1
mkfifo /tmp/a /tmp/b
reach_probe ivshmem-poll 10 hold </tmp/a >/tmp/a.out & exec 3>/tmp/a
reach_probe ivshmem-poll 10 hold </tmp/b >/tmp/b.out & exec 4>/tmp/b
while ! grep -q held /tmp/a.out || ! grep -q held /tmp/b.out; do sleep 0.1; done
reach_probe ivshmem-poll 1 && exit 2
exec 3>&- 4>&-; wait
reach_probe ivshmem-poll 10 || exit 3
reach_probe ivshmem-module 1 && exit 4
reach_probe ivshmem-vfio 1 && exit 5
exit 0"""
    with broker(pairs=2) as folder:
        result = vm_run("poll", script, PROBES, ivshmem_args(folder / "ivshmem.sock"), kernel=KERNEL)
    assert result.status == 0, result.console
    assert "none of 2 queue pairs is free" in result.console, result.console
    return check_ok(result.console, "ivshmem-poll", sleeps=False)


def test_foreign():
    """An ivshmem device that is not ours is left alone by all ways, the module too."""
    script = "reach_probe ivshmem 1; grep -c . /proc/interrupts >/dev/null; ls /dev/cardmux* && exit 9; exit 0"
    args = ["-object", "memory-backend-ram,id=m,size=4M,share=on", "-device", "ivshmem-plain,memdev=m"]
    with own_module() as module:
        result = vm_run("foreign", script, PROBES, args, own_modules=[module], kernel=KERNEL)
    assert result.status == 0 and "FAILED open" in result.console and "wrong magic" in result.console, result.console
    return re.search("FAILED open.*", result.console).group(0)


def test_module():
    """The module: interrupts, no root, a pair for each open file, pairs given back."""
    script = """
chmod 666 /dev/cardmux0
reach_probe ivshmem-module 1000 clean || exit 1
adduser -D -H tester 2>/dev/null || { echo 'tester:x:1000:1000::/:/bin/sh' >>/etc/passwd; }
su tester -c 'reach_probe ivshmem-module 50' || exit 2
mkfifo /tmp/a /tmp/b
reach_probe ivshmem-module 10 hold </tmp/a >/tmp/a.out & exec 3>/tmp/a
reach_probe ivshmem-module 10 hold </tmp/b >/tmp/b.out & exec 4>/tmp/b
while ! grep -q held /tmp/a.out || ! grep -q held /tmp/b.out; do sleep 0.1; done
reach_probe ivshmem-module 1 && exit 3
reach_probe ivshmem-poll 1 && exit 4
exec 3>&- 4>&-; wait
unset WHERE; CARDMUX_REACH=ivshmem reach_probe ivshmem 20 clean || exit 5
grep cardmux0 /proc/iomem || true
exit 0"""
    with broker(pairs=2) as folder, own_module() as module:
        result = vm_run("module", script, PROBES, ivshmem_args(folder / "ivshmem.sock"), own_modules=[module],
                        kernel=KERNEL)
    assert result.status == 0, result.console + result.text("dmesg")[-2000:]
    assert "all queue pairs are taken" in result.console and "belongs to the driver cardmux" in result.console
    assert result.interrupts("cardmux0-") >= 200, result.text("interrupts.after")
    assert not re.search("WARNING|BUG|Oops|expected mapping", result.text("dmesg")), result.text("dmesg")
    return check_ok(result.console, "ivshmem-module") + f", vectors +{result.interrupts('cardmux0-')}"


def test_late_result():
    """A process dies with work on the card; the next owner of its only queue pair gets it empty, and only then."""
    script = """
reach_probe ivshmem-module 10 die-busy
start=$(cut -d' ' -f1 /proc/uptime)
reach_probe ivshmem-module 100 clean || exit 1
echo "from $start to $(cut -d' ' -f1 /proc/uptime)"
exit 0"""
    with broker(pairs=1, slow_ms=1500) as folder, own_module() as module:
        result = vm_run("late", script, PROBES, ivshmem_args(folder / "ivshmem.sock"), own_modules=[module],
                        kernel=KERNEL)
    assert result.status == 0 and "dying" in result.console, result.console
    check_ok(result.console, "ivshmem-module", rounds=100)
    return re.search("from .*", result.console).group(0)


def test_unplug():
    """The device goes while a process has it open and mapped: the process sees it, and lives; and it comes back."""
    script = """
reach_probe ivshmem-module 100 gone || exit 1
echo unplugged
for i in $(seq 300); do [ -e /dev/cardmux0 ] && break; sleep 0.1; done
reach_probe ivshmem-module 100 clean || { dmesg | tail -30; exit 2; }
exit 0"""
    port = ["-device", "pcie-root-port,id=rp0,chassis=1,slot=1,pref64-reserve=256M"]
    with broker() as folder, own_module() as module:
        args = port + ivshmem_args(folder / "ivshmem.sock", extra=",bus=rp0")
        with Vm("unplug", script, PROBES, args, own_modules=[module], kernel=KERNEL) as vm:
            vm.start().expect("^waiting", 90)
            vm.qmp("device_del", id="card")
            vm.expect("^unplugged", 60)
            while any(child["name"] == "card" for child in vm.qmp("qom-list", path="/machine/peripheral")):
                time.sleep(0.1)
            vm.qmp("chardev-add", id="door2", backend={"type": "socket", "data": {
                "server": False, "addr": {"type": "unix", "data": {"path": str(folder / "ivshmem.sock")}}}})
            vm.qmp("device_add", driver="ivshmem-doorbell", id="card2", chardev="door2", vectors=16, master=True,
                   bus="rp0")
            result = vm.finish(90)
    assert result.status == 0 and "gone, magic 0" in result.console, result.console
    assert not re.search("WARNING|BUG|Oops", result.text("dmesg")), result.text("dmesg")
    return re.search("gone, .*", result.console).group(0)


def test_vfio():
    """vfio-pci with a virtual IOMMU: interrupts without our module; a second process finds it taken."""
    script = """
device=$(grep -l 0x1110 /sys/bus/pci/devices/*/device | head -1); device=$(basename $(dirname $device))
echo vfio-pci >/sys/bus/pci/devices/$device/driver_override
echo $device >/sys/bus/pci/drivers/vfio-pci/bind
reach_probe ivshmem-vfio 1000 || exit 1
mkfifo /tmp/a; reach_probe ivshmem-vfio 10 hold </tmp/a >/tmp/a.out & exec 3>/tmp/a
while ! grep -q held /tmp/a.out; do sleep 0.1; done
reach_probe ivshmem-vfio 1 && exit 2
exec 3>&-; wait
CARDMUX_REACH=ivshmem reach_probe ivshmem 20 || exit 3
exit 0"""
    with broker() as folder:
        args = ["-device", "intel-iommu,intremap=on", *ivshmem_args(folder / "ivshmem.sock")]
        result = vm_run("vfio", script, PROBES, args, machine="q35,kernel-irqchip=split", modules=["vfio_iommu_type1", "vfio-pci"],
                        append="intel_iommu=on", kernel=KERNEL)
    assert result.status == 0, result.console + result.text("dmesg")[-2000:]
    assert "another process has it" in result.console, result.console
    return check_ok(result.console, "ivshmem-vfio")


def main():
    tests = {n: f for n, f in globals().items() if n.startswith("test_")}
    failed = 0
    for name in sys.argv[3:] or tests:
        began = time.monotonic()
        try:
            said = tests[name]()
            print(f"ok {name} ({time.monotonic() - began:.0f} s): {said}", flush=True)
        except (AssertionError, RuntimeError) as error:
            failed += 1
            print(f"not ok {name} ({time.monotonic() - began:.0f} s): {error}", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
