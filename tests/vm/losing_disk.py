# SPDX-License-Identifier: Apache-2.0
"""losing_disk.py: a disk with a volatile write cache, as an NBD server in this process, for a QEMU that will be killed.

    disk = LosingDisk(image_bytes); args = disk.args(socket_path); ...; disk.fail_after(7); disk.failed.wait(60);
    vm.process.kill(); disk.cut()

Killing QEMU alone is no power loss: what the guest wrote would be safe in the host's page cache. So each write stays in a
cache of ours until the guest flushes (or writes with FUA), and cut() throws away a random half of the 512-byte sectors
that are in it, as a disk that reorders its writes would at a power loss. What a disk acknowledged as flushed stays.
fail_after(n) makes the moment exact: at the n-th write or flush from then on the disk answers no more.
"""
import random, socket, struct, threading

SECTOR = 512
HELLO, OPTION, OPTION_REPLY = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
REQUEST, REPLY = 0x25609513, 0x67446698
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, 1 << 31 | 1
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
FLAGS = 1 | 4 | 8  # has flags, flush, FUA
FUA = 1
EINVAL = 22


class LosingDisk:
    def __init__(self, image, seed=None):
        self.stable, self.cache, self.lock = bytearray(image), {}, threading.Lock()
        self.random, self.flushes, self.listener, self.thread = random.Random(seed), 0, None, None
        self.failed, self.dead, self.left = threading.Event(), threading.Event(), None

    def args(self, path):
        """Serves on a socket from now on; QEMU's arguments for the disk."""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.failed.clear()
        self.dead.clear()
        self.left = None
        self.thread = threading.Thread(target=self._accept, args=(self.listener,), daemon=True)
        self.thread.start()
        return ["-blockdev", f"driver=nbd,node-name=disk,server.type=unix,server.path={path},export=disk",
                "-device", "virtio-blk-pci,drive=disk"]

    def fail_after(self, requests):
        with self.lock:
            self.left = requests

    def cut(self):
        """The power goes, after QEMU has ended: (sectors that were not flushed, those of them that are lost)."""
        self.dead.set()
        self.listener.close()
        self.thread.join(10)
        with self.lock:
            waiting = len(self.cache)
            kept = [sector for sector in self.cache if self.random.random() < 0.5]
            self._store(kept)
            self.cache.clear()
            return waiting, waiting - len(kept)

    def _store(self, sectors):
        for sector in list(sectors):
            self.stable[sector * SECTOR:(sector + 1) * SECTOR] = self.cache[sector]

    def _accept(self, listener):
        door, _ = listener.accept()
        with door:
            try:
                if self._negotiate(door):
                    while self._serve(door):
                        pass
            except (ConnectionError, EOFError):
                pass

    def _take(self, door, size):
        data = bytearray()
        while len(data) < size:
            if not (more := door.recv(size - len(data))):
                raise EOFError
            data += more
        return bytes(data)

    def _negotiate(self, door):
        door.sendall(HELLO + OPTION + struct.pack(">H", 3))
        self._take(door, 4)
        while True:
            magic, option, size = struct.unpack(">8sII", self._take(door, 16))
            self._take(door, size)
            if magic != OPTION or option == OPT_ABORT:
                return False
            if option == OPT_EXPORT_NAME:
                door.sendall(struct.pack(">QH", len(self.stable), FLAGS))
                return True
            if option in (OPT_INFO, OPT_GO):
                info = struct.pack(">HQH", 0, len(self.stable), FLAGS)
                door.sendall(struct.pack(">QIII", OPTION_REPLY, option, REP_INFO, len(info)) + info)
                door.sendall(struct.pack(">QIII", OPTION_REPLY, option, REP_ACK, 0))
                if option == OPT_GO:
                    return True
            else:
                door.sendall(struct.pack(">QIII", OPTION_REPLY, option, REP_UNSUPPORTED, 0))

    def _serve(self, door):
        magic, flags, kind, handle, offset, size = struct.unpack(">IHHQQI", self._take(door, 28))
        if magic != REQUEST or kind == DISCONNECT:
            return False
        data = self._take(door, size) if kind == WRITE else b""
        whole = offset % SECTOR == 0 and size % SECTOR == 0 and offset + size <= len(self.stable)
        error, answer = 0, b""
        if kind != READ and self._fails():
            return False
        with self.lock:
            if kind == FLUSH:
                self._flush(self.cache)
            elif not whole or kind not in (READ, WRITE):
                error = EINVAL
            elif kind == READ:
                first = offset // SECTOR
                answer = b"".join(self.cache.get(n) or bytes(self.stable[n * SECTOR:(n + 1) * SECTOR])
                                  for n in range(first, first + size // SECTOR))
            else:
                numbers = range(offset // SECTOR, (offset + size) // SECTOR)
                self.cache.update((n, data[i * SECTOR:(i + 1) * SECTOR]) for i, n in enumerate(numbers))
                if flags & FUA:
                    self._flush(numbers)
        door.sendall(struct.pack(">IIQ", REPLY, error, handle) + answer)
        return True

    def _fails(self):
        with self.lock:
            if self.left is None:
                return False
            self.left -= 1
            if self.left > 0:
                return False
        self.failed.set()
        self.dead.wait(120)  # no answer, not even that of a closed connection
        return True

    def _flush(self, sectors):
        self.flushes += 1
        self._store(sectors)
        for sector in list(sectors):
            del self.cache[sector]
