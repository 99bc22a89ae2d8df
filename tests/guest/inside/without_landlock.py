"""A kernel in which a fence is missing: Landlock is not in its list of security modules."""

from version_2 import check_programs
from report import read, run, said
from service import CONFIGURATION, READY_S_MAX, ask, journal, run_as, systemctl, wait_ready, wait_until, workers_ready

NAMES_THE_KEY = 'jail.without = ["landlock"]'


def configure(lines):
    """Replaces the file, as an administrator's editor does."""
    text = read(CONFIGURATION)
    with open(CONFIGURATION, "w", encoding="utf-8") as file:
        file.write(text.replace("[jail]", f"[jail]\n{lines}") + "\n")


def main(report):
    report.check("landlock" not in read("/sys/kernel/security/lsm"), "the kernel has no Landlock",
                 read("/sys/kernel/security/lsm"))
    refused = wait_until(lambda: NAMES_THE_KEY in journal(), READY_S_MAX, 1)
    report.check(refused, "the daemon says what is missing, and names the key that accepts it", journal())
    report.check(workers_ready() == 0, "no worker serves", ask("status"))
    doctor = run("sluice", "doctor")
    report.check(doctor.returncode != 0 and "lsm=" in doctor.stdout, "sluice doctor says how to mend it", said(doctor))
    outside = run_as("alice", "clinfo", "-l")
    report.check("Sluice" not in outside.stdout, "a program finds no device", said(outside))
    configure('without = ["landlock"]')
    systemctl("reset-failed", "sluiced.service")
    systemctl("restart", "sluiced.service")
    report.check(wait_ready(), "with the key it serves", journal())
    made = run("sluice", "tenant", "create", "alice", "--memory", "256MiB", "--uid", "alice")
    report.check(made.returncode == 0, "a tenant is made", said(made))
    check_programs(report)
