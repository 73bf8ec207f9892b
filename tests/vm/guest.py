# SPDX-License-Identifier: Apache-2.0
"""Guests against the real cardmuxd: a private daemon, guests that take commands while they run, and TAP.

    with card_daemon("vm1", "vm2") as daemon, Guest("vm1", daemon.qemu_args("vm1"), modules=[...]) as guest:
        status, text = guest.run("sdf_run random")
        load = guest.spawn("sdf_load"); ...; load.end()

A boot costs more than most tests, so a script does all it can in one. A case is a function that raises where something
is not as it must be; run_cases() prints a TAP line for each, and goes on after a failure only where that makes sense.
"""
import json, os, re, shutil, signal, subprocess, sys, tempfile, threading, time
from contextlib import contextmanager
from pathlib import Path
from guest_kernel import GuestKernel, ROOT
from vm import Vm

sys.path.insert(0, str(ROOT / "demo"))
from daemon import Daemon  # noqa: E402

BUILD = Path(os.environ.get("BUILD", ROOT / "build")).resolve()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # takes everything down, as Ctrl-C does
CODE = "12345678"  # of SM2 index 2, as the SDF cases expect it
WRONG = "/etc/wrong.missing"
# every function in a case, and with every argument wrong in turn
ALL_OF_SDF = f"sdf_run --complete --wrong={WRONG}"


def programs(build):
    """What each guest has."""
    found = {f"/bin/{name}": build / "tests" / where / name
             for name, where in (("sdf_run", "clients"), ("sdf_load", "clients"), ("reach_probe", "vm"))}
    return {**found, WRONG: ROOT / "tests/clients/wrong.missing"}


CARDMUX = BUILD / "bin/cardmux"

# Each command line runs in a shell of its own, in the background, so that several can be under way.
AGENT = """
stty -echo </dev/console
echo "GUEST ready"
while read -r number line; do
    [ "$number" = end ] && break
    ( sh -c "$line" >/out/$number.txt 2>&1 </dev/null; echo "GUEST $number $?" ) &
done
exit 0
"""


def need(truth, *words):
    """Fails with all that is known."""
    if not truth:
        raise RuntimeError("\n".join(str(word) for word in words))


def wait_until(what, seconds, why):
    until = time.monotonic() + seconds
    while not (result := what()):
        need(time.monotonic() < until, why() if callable(why) else why)
        time.sleep(0.05)
    return result


class CardDaemon(Daemon):
    def tenant(self, name, owner=None):
        """A tenant with the keys that the SDF cases use."""
        super().tenant(name, owner)
        self.cardmux("tenant", "set", name, "--allow", "debug,kek-handle,pair-import")
        self.cardmux("key", "generate", name, "--type", "sm2", "--index", "2", "--code-file", "-", given=CODE + "\n")
        self.cardmux("key", "generate", name, "--type", "kek", "--index", "1")
        self.cardmux("key", "generate", name, "--type", "kek", "--index", "2", "--code-file", "-", given=CODE + "\n")
        self.cardmux("key", "generate", name, "--type", "rsa", "--index", "1")
        self.cardmux("key", "generate", name, "--type", "rsa", "--bits", "3072", "--index", "2", "--code-file", "-",
                     given=CODE + "\n")

    def pids(self):
        """{"cardmuxd": pid, "cardmux-broker": pid, ...}: the keeper and its children."""
        found = {"cardmuxd": self.process.pid}
        for entry in os.listdir("/proc"):
            try:
                stat = Path(f"/proc/{entry}/stat").read_text() if entry.isdigit() else ""
            except OSError:
                continue
            if match := re.match(r"\d+ \((.*)\) \S (\d+) ", stat):
                if int(match[2]) == self.process.pid:  # the admin process has no name of its own
                    found["cardmux-admin" if match[1] == "cardmuxd" else match[1]] = int(entry)
        return found

    def die(self):
        """All of it at once, as where the machine's memory runs out. serve() starts another one in the same place."""
        pids = self.pids()
        self.process.kill()
        for name in pids.keys() - {"cardmuxd"}:
            try:
                os.kill(pids[name], signal.SIGKILL)
            except ProcessLookupError:
                pass  # has noticed it already
        self.process.wait()

    def counters(self, name):
        return json.loads(self.cardmux("tenant", "show", name, "--json"))["counters"]

    def settled(self, name, seconds=120):
        """Waits until the tenant holds nothing in the broker."""
        def nothing():
            counters = self.counters(name)
            return not (counters["sessions"] or counters["handles"])
        wait_until(nothing, seconds, lambda: f"{name} still holds something: {self.counters(name)}\n{self.said()}")


@contextmanager
def card_daemon(*tenants, driver="soft"):
    """driver: of the card; one without keys has tenants without keys."""
    folder = tempfile.mkdtemp(prefix="cardmux-vm-")
    os.chmod(folder, 0o711)
    daemon = CardDaemon(BUILD, folder, driver=driver)
    try:
        daemon.start()
        for name in tenants:
            daemon.tenant(name) if driver == "soft" else daemon.cardmux("tenant", "add", name)
        yield daemon
        need(daemon.process.poll() is None, "cardmuxd ended:", daemon.said())
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)


class NativeLoad:
    """sdf_load beside the guests, as another tenant by its unix socket: the neighbour whom nothing may harm."""

    def __init__(self, daemon, name):
        env = {**os.environ, "CARDMUX_REACH": "unix", "CARDMUX_SOCKET": daemon.door(name, "unix")}
        self.process = subprocess.Popen([BUILD / "tests/clients/sdf_load"], env=env, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        need(self.process.stdout.readline() == "LOAD running\n", "the neighbour does not start")

    def end(self):
        """Rounds that it did; fails unless all were right and nothing was lost."""
        self.process.terminate()
        text = self.process.communicate(timeout=60)[0]
        match = re.search(r"rounds=(\d+)/(\d+) lost=0 wrong=0", text)
        need(match and self.process.returncode == 0, "the neighbour was harmed:", text)
        return int(match[1]) + int(match[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Spawned:
    def __init__(self, guest, number, line):
        self.guest, self.number, self.line = guest, number, line

    def said(self):
        return self.guest.run(f"cat /out/{self.number}.txt", quiet=True)[1]

    def expect(self, pattern, seconds=120):
        """Until what it printed has `pattern`; the guest itself looks, ten times a second."""
        status, text = self.guest.run(f"for i in $(seq {int(seconds * 5)}); do grep -E '{pattern}' /out/{self.number}.txt"
                                      f" && exit 0; sleep 0.2; done; cat /out/{self.number}.txt; exit 1", seconds + 30,
                                      quiet=True)
        need(status == 0, f'{self.guest.name}: "{self.line}" does not say /{pattern}/:', text, self.guest.vm.console)
        return text

    def wait(self, seconds=300):
        """(status, output)"""
        match = self.guest.vm.expect(rf"^GUEST {self.number} (\d+)\n", seconds)
        return int(match[1]), self.said()

    def kill(self, number, name="sdf_load"):
        """Signals the program; of this spawned line alone, by the file that it writes to."""
        self.guest.run(f"for p in $(pidof {name}); do [ \"$(readlink /proc/$p/fd/1)\" = /out/{self.number}.txt ] && "
                       f"kill -{number} $p; done; true", quiet=True)

    def end(self, seconds=120):
        self.kill("TERM")
        status, text = self.wait(seconds)
        need(status == 0, f'{self.guest.name}: "{self.line}" ended with {status}:', text)
        return text


class Guest:
    """A running guest; lines from several threads are fine."""

    def __init__(self, name, args, files=None, build=BUILD, **options):
        self.name, self.count, self.lock = name, 0, threading.Lock()
        self.vm = Vm(name, AGENT, {**programs(build), **(files or {})}, args, **options)

    def start(self, wait=True):
        self.vm.start()
        return self.up() if wait else self

    def up(self):
        self.vm.expect("^GUEST ready$", 300)
        return self

    def spawn(self, line):
        self.count += 1
        self.vm.send(f"{self.count} {line}")
        return Spawned(self, self.count, line)

    def run(self, line, seconds=300, quiet=False):
        """(status, output). The output comes over the console, between two marks."""
        self.count += 1
        number = self.count
        self.vm.send(f"{number} ( {line} ) >/tmp/{number} 2>&1; s=$?; "
                     f"{{ echo SAYS{number}; cat /tmp/{number}; echo; echo SAID{number}; }} >/dev/console; "
                     f"rm /tmp/{number}; exit $s")
        match = self.vm.expect(rf"^GUEST {number} (\d+)\n", seconds)
        text = re.search(rf"^SAYS{number}\n(.*?)\n*^SAID{number}$", self.vm.console, re.M | re.S)
        return int(match[1]), text[1] if text else ""

    def must(self, line, seconds=300):
        status, text = self.run(line, seconds)
        need(status == 0, f'{self.name}: "{line}" ended with {status}:', text, self.vm.console[-3000:])
        return text

    def interrupts(self, word):
        """Sum of the counts of all vectors whose line has `word`."""
        text = self.must(f"grep {word} /proc/interrupts || true")
        return sum(int(n) for line in text.splitlines()
                   for n in re.match(r"\s*\S+:((?:\s+\d+)*)\s", line + " ")[1].split())

    def healthy(self):
        """The guest's kernel has nothing to complain of."""
        said = self.must("dmesg | grep -E 'WARNING|BUG|Oops|expected mapping|cardmux' | grep -v 'loading out-of-tree' || true")
        need(not re.search("WARNING|BUG|Oops|expected mapping", said), f"{self.name}'s kernel:", said)

    def finish(self):
        self.vm.send("end")
        self.vm.finish(120)

    def kill(self):
        self.vm.kill()

    def __enter__(self):
        return self.start() if not self.vm.process else self

    def __exit__(self, *_):
        self.kill()


def run_cases(cases):
    """Each (name, function) in turn; the rest is not run after a failure, since they share guests."""
    for name, function in cases:
        began = time.monotonic()
        try:
            said = function()
        except Exception as problem:
            print(f"not ok - {name}")
            print("\n".join("# " + line for line in f"{type(problem).__name__}: {problem}".splitlines()), flush=True)
            return False
        print(f"# {name}: {said + ', ' if said else ''}{time.monotonic() - began:.0f} s\nok - {name}", flush=True)
    return True


@contextmanager
def own_module(kernel):
    with tempfile.TemporaryDirectory(prefix="kmod-") as folder:
        yield kernel.build_module(Path(folder) / "source")
