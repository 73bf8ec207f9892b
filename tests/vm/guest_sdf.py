# SPDX-License-Identifier: Apache-2.0
"""What a guest's SDF cases must show by each way to a real cardmuxd: a base for the tests of guests."""
import re

from guest import ALL_OF_SDF, need, wait_until


class Sdf:
    """A guest whose tenant is vm1."""
    def __init__(self, guest, daemon):
        self.guest, self.daemon, self.pids = guest, daemon, daemon.pids()
        self.device = guest.must("grep -l 0x1110 /sys/bus/pci/devices/*/device | cut -d/ -f6").strip()

    def refused(self, reach, sentence):
        status, text = self.guest.run(f"CARDMUX_DEBUG=1 CARDMUX_REACH={reach} sdf_run random")
        need(status == 1 and re.search(rf"no virtual card: {reach}: .*{sentence}", text), f"{reach} forced:", text)

    def cases(self, reach, wait, words=""):
        """All cases; the reach as the library names it, and nothing left in the broker."""
        before = self.daemon.counters("vm1")
        text = self.guest.must(f"CARDMUX_DEBUG=1 CARDMUX_REACH={reach} CARDMUX_WAIT={wait} {ALL_OF_SDF} {words}", 600)
        chosen = set(re.findall(r"virtual card by (\S+)", text))
        need(chosen == {reach}, f"{reach} was forced, but {chosen or 'no way'} used:", text)
        count = re.search(r"^(\d+) cases, 0 failed$", text, re.M)
        need(count and int(count[1]) >= 20, text)
        self.daemon.settled("vm1")
        done = self.daemon.counters("vm1")["operations"] - before["operations"]
        return f"{count[1]} cases, {done} operations"

    def sleeper(self, reach, word):
        """The vectors' counts grow while callers sleep for each result. (vfio's vectors are there only while it is open.)"""
        load = self.guest.spawn(f"CARDMUX_REACH={reach} CARDMUX_WAIT=sleep sdf_load")
        load.expect("LOAD running")
        before, wakeups = self.guest.interrupts(word), self.daemon.counters("vm1")["wakeups"]
        wait_until(lambda: self.daemon.counters("vm1")["wakeups"] >= wakeups + 20, 120, f"{reach}: nobody was woken")
        grown = self.guest.interrupts(word) - before
        load.end()
        need(grown >= 10, f"{reach}: interrupts +{grown} while the host rang 20 times")
        return f"interrupts +{grown} while a caller slept"

    def chosen(self, reach, others):
        text = self.guest.must("CARDMUX_DEBUG=1 sdf_run random")
        need(f"virtual card by {reach}" in text, f"not {reach}:", text)
        for other, sentence in others:
            self.refused(other, sentence)
        return reach

    def doctor(self, reach):
        """What `cardmux doctor` says in the guest: everything well, the card opened, and by which way."""
        status, text = self.guest.run("cardmux doctor --guest --library $(find / -xdev -name libsdf.so | head -n 1)")
        need(status == 0 and "fail" not in text and re.search(rf"the virtual card opens, by {reach}", text), text)

    def bind_module(self):
        self.guest.must(f"[ ! -e /sys/bus/pci/devices/{self.device}/driver ] || "
                        f"echo {self.device} >/sys/bus/pci/devices/{self.device}/driver/unbind && "
                        f"echo >/sys/bus/pci/devices/{self.device}/driver_override && insmod /extra/cardmux.ko && "
                        "ls -l /dev/cardmux0")

    def end(self):
        need(self.daemon.pids() == self.pids, "a process of the daemon was replaced")
        self.guest.healthy()
