#!/usr/bin/python3
"""What a boot of the guest checks: the kernel's command line names it (sluice.checks=NAME)."""

import re
import traceback

import all_attacks
import version_1
import version_2
import without_landlock
from report import Report, read

CHECKS = {"version-2": version_2.main, "attacks": all_attacks.main, "version-1": version_1.main,
          "without-landlock": without_landlock.main}


def main():
    report = Report()
    report.note(read("/proc/version"))
    try:
        CHECKS[re.search(r"\bsluice\.checks=(\S+)", read("/proc/cmdline")).group(1)](report)
        report.ended()
    except Exception:  # what breaks has failed, and says how
        report.check(False, "the checks did not break", traceback.format_exc())


main()
