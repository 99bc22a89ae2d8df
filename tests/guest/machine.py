"""A virtual machine that boots a disk image and reports on its second serial port: a JSON object a line. Changes to the
disk are lost with the machine."""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenarios"))

from pool import die_with_parent  # noqa: E402

EMULATOR = "qemu-system-x86_64"
MEMORY, PROCESSORS = "4G", 2
FIRST_WORDS_S_MAX = 30  # on the console, with KVM: where it is offered and does not work, nothing comes
STARTED_S_MAX = 3600  # to the guest's first report, with TCG on a busy machine
POLL_S = 0.2
# TCG on a busy machine takes minutes to boot: less to do, and more patience.
QUICKER = "loglevel=6 mitigations=off systemd.show_status=error systemd.default_timeout_start_sec=900"


def kvm_is_there():
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


class Machine:
    def __init__(self, disk, work, kernel_line, accelerator):
        self.disk, self.work, self.accelerator = disk, work, accelerator
        self.kernel_line = f"root=/dev/vda rw console=ttyS0 panic=-1 {QUICKER} {kernel_line}"
        self.console_path, self.reports_path = os.path.join(work, "console"), os.path.join(work, "reports")
        self.child = None

    def __enter__(self):
        for path in (self.console_path, self.reports_path):
            with open(path, "wb"):
                pass
        self.child = subprocess.Popen(self.command(), env={**os.environ, "TMPDIR": self.work}, stdin=subprocess.DEVNULL,
                                      preexec_fn=die_with_parent)
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def command(self):
        return [EMULATOR, "-accel", self.accelerator, "-machine", "pc", "-cpu", "max", "-smp", str(PROCESSORS),
                "-m", MEMORY, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-device", "virtio-rng-pci",
                "-kernel", self.disk.kernel, "-initrd", self.disk.initrd, "-append", self.kernel_line,
                "-drive", f"file={self.disk.image},format=raw,if=virtio,snapshot=on,cache=unsafe",
                "-serial", f"file:{self.console_path}", "-serial", f"file:{self.reports_path}"]

    def console(self):
        with open(self.console_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def has_started(self):
        """False if KVM does not work here, though it is offered."""
        end = time.monotonic() + FIRST_WORDS_S_MAX
        while self.accelerator == "kvm" and os.path.getsize(self.console_path) == 0:
            if self.child.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(POLL_S)
        return True

    def reports(self, seconds):
        """What the guest reports, as it does. Ends with the machine, after `seconds`, or if nothing comes for too long."""
        began = time.monotonic()
        unread, heard = "", False
        with open(self.reports_path, encoding="utf-8", errors="replace") as file:
            while True:
                running = self.child.poll() is None
                unread += file.read()
                *lines, unread = unread.split("\n")
                for line in lines:
                    heard = True
                    yield json.loads(line)
                spent = time.monotonic() - began
                if not running or spent > seconds or (not heard and spent > STARTED_S_MAX):
                    return
                time.sleep(POLL_S)
