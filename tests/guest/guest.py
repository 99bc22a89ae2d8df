#!/usr/bin/python3
"""Sluice as a system service of a Debian 12 machine of its own: systemd, version 2 of control groups and nothing else, Linux
6.1. The machine is a guest in QEMU; what is checked in it, and with which kernel, is in inside/.

    guest.py [--build DIR] [--accelerator kvm|tcg] [--keep] BOOT

Needs root, for debootstrap. Ends with 1 if a check failed, with 77 and the reason where no such guest can be made.
"""

import argparse
import os
import shutil
import sys
import time

from machine import EMULATOR, Machine, kvm_is_there
from root_folder import SUITE, Disk, debian_mirror

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77
GUEST_S_MAX = 10000  # against a guest that hangs
CONSOLE_LINES = 150

# What each boot adds to the kernel's command line. Debian's kernel has Landlock in its list of security modules.
BOOTS = {
    "version-2": "",
    "attacks": "",
    "version-1": "systemd.unified_cgroup_hierarchy=0",
    "without-landlock": "lsm=lockdown,yama,integrity,apparmor",
}


def say(text):
    print(text, flush=True)


def reason_to_skip():
    if os.geteuid() != 0:
        return "making a root file system needs root"
    for program, package in ((EMULATOR, "qemu-system-x86"), ("debootstrap", "debootstrap"), ("mke2fs", "e2fsprogs")):
        if shutil.which(program) is None:
            return f"there is no {program} (Debian: {package}; tools/install-dependencies --long)"
    with open("/etc/os-release", encoding="utf-8") as file:
        if f"VERSION_CODENAME={SUITE}\n" not in file.read():
            return f"the guest is Debian's {SUITE}, and runs only what was built there"
    if debian_mirror() is None:
        return f"apt knows no mirror with {SUITE} (apt-get update)"
    return None


class Checks:
    """What the guest reported, in the words of scenarios."""

    def __init__(self):
        self.passed = self.failed = 0
        self.heard = self.ended = False

    def hear(self, report):
        self.heard = True
        if "note" in report:
            say("     " + report["note"])
        if "ended" in report:
            self.ended = True
        if "check" in report:
            self.check(report["holds"], report["check"], report["detail"])

    def check(self, holds, what, detail=""):
        say(("ok   " if holds else "FAIL ") + what)
        self.passed, self.failed = self.passed + holds, self.failed + (not holds)
        if not holds:
            for line in detail.strip().splitlines()[-60:]:
                say("     | " + line)


def boot(disk, work, name, accelerator):
    checks, began = Checks(), time.monotonic()
    with Machine(disk, work, f"sluice.checks={name} {BOOTS[name]}", accelerator) as machine:
        started = machine.has_started()
        for report in machine.reports(GUEST_S_MAX) if started else ():
            if not checks.heard:
                say(f"     the guest runs after {time.monotonic() - began:.0f} s ({accelerator})")
            checks.hear(report)
    if not started:
        say("     KVM does not work here, though it is offered: TCG")
        return boot(disk, work, name, "tcg")
    checks.check(checks.ended, "the guest did all its checks")
    if checks.failed:
        say("---- the end of the guest's console ----\n" + "\n".join(machine.console().splitlines()[-CONSOLE_LINES:]))
    say(f"     {time.monotonic() - began:.0f} s in the guest ({accelerator})")
    return checks


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boot", choices=BOOTS, metavar="BOOT", help=", ".join(BOOTS))
    parser.add_argument("--build", default=os.path.join(SOURCE, "build", "release"), help="default: build/release")
    parser.add_argument("--accelerator", choices=("kvm", "tcg"), help="default: kvm where it works")
    parser.add_argument("--keep", action="store_true", help="leave disk, console and reports for a look at them")
    return parser.parse_args()


def main():
    arguments = parse()
    if reason := reason_to_skip():
        say(f"skipped: {reason}")
        return SKIPPED
    build = os.path.abspath(arguments.build)
    work = os.path.join(build, "guest", arguments.boot)
    shutil.rmtree(work, ignore_errors=True)  # of a run that was killed, or that left it for a look
    os.makedirs(work)
    try:
        began = time.monotonic()
        disk = Disk(build, SOURCE, work)
        say(f"     the disk is made in {time.monotonic() - began:.0f} s")
        checks = boot(disk, work, arguments.boot, arguments.accelerator or ("kvm" if kvm_is_there() else "tcg"))
    finally:
        if not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)
    say(f"{checks.passed} checks passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
