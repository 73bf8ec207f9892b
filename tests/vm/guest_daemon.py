# SPDX-License-Identifier: Apache-2.0
"""A real cardmuxd inside a guest, for what can only be shown there: another architecture, another kernel's vsock.

    with Guest(..., files=GuestDaemon.files(BUILD)) as guest, GuestDaemon(guest, "alice", extra="...") as daemon:
        guest.must(f"CARDMUX_SOCKET={daemon.door('alice')} sdf_run random")
"""
import json

from guest import CODE, need

CONFIG = """[daemon]
state = /state
run = /run/cardmux
user = nobody
group = nogroup
{extra}
[card soft]
driver = soft
[broker]
deadline = 300000
"""
ADMIN = "cardmux --socket /run/cardmux/admin.sock"


class GuestDaemon:
    @staticmethod
    def files(build):
        """What the guest must have."""
        return {"/bin/cardmuxd": build / "bin/cardmuxd", "/bin/cardmux": build / "bin/cardmux",
                "/etc/passwd": b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
                "/etc/group": b"root:x:0:\nnogroup:x:65534:\n"}

    def __init__(self, guest, *tenants, extra=""):
        self.guest, self.tenants, self.extra, self.process = guest, tenants, extra, None

    def cardmux(self, *words):
        return self.guest.must(" ".join((ADMIN, *words)))

    def door(self, tenant):
        return f"/run/cardmux/tenant/{tenant}/unix.sock"

    def counters(self, tenant):
        return json.loads(self.cardmux("tenant", "show", tenant, "--json"))["counters"]

    def broker(self):
        """Its process; None while there is none that serves."""
        status, text = self.guest.run(f"{ADMIN} status --json", quiet=True)
        return json.loads(text)["broker_pid"] if status == 0 else None

    def said(self):
        return self.process.said()

    def tenant(self, name):
        """With the keys that the SDF cases use."""
        self.cardmux("tenant", "add", name, "--allow", "debug,kek-handle,pair-import")
        self.cardmux("key", "generate", name, "--type", "sm2", "--index", "1")
        self.guest.must(f"echo {CODE} | {ADMIN} key generate {name} --type sm2 --index 2 --code-file -")
        self.cardmux("key", "generate", name, "--type", "kek", "--index", "1")
        self.guest.must(f"echo {CODE} | {ADMIN} key generate {name} --type kek --index 2 --code-file -")
        # made in an emulated guest, after a while
        self.guest.must(f"{ADMIN} key generate {name} --type rsa --index 1", 300)
        self.guest.must(f"echo {CODE} | {ADMIN} key generate {name} --type rsa --bits 3072 --index 2 --code-file -", 300)

    def __enter__(self):
        lines = CONFIG.format(extra=self.extra).strip().split("\n")
        self.guest.must("mkdir -p /run && : >/etc/cardmuxd.conf; " +
                        "; ".join(f"echo '{line}' >>/etc/cardmuxd.conf" for line in lines))
        self.guest.must("cardmux init --config /etc/cardmuxd.conf")
        self.process = self.guest.spawn("exec cardmuxd --config /etc/cardmuxd.conf")
        status, _ = self.guest.run(f"for i in $(seq 300); do {ADMIN} status >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1")
        need(status == 0, "cardmuxd does not serve in the guest:", self.process.said())
        for name in self.tenants:
            self.tenant(name)
        return self

    def __exit__(self, *_):
        self.process.kill("TERM", "cardmuxd")
