"""systemd with version 1 of control groups, as old systems have it (systemd.unified_cgroup_hierarchy=0)."""

import os
import re

from version_2 import check_doctor, check_privileges, check_programs, create_tenants
from report import read
from service import PROGRAMS, UNITS, Program, journal, main_pid, state, wait_ready

GROUPS = "/sys/fs/cgroup"
LIMITS = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}
UNLIMITED = 1 << 60


def groups_of(pid):
    """{controllers: path}"""
    return dict(line.split(":", 2)[1:] for line in read(f"/proc/{pid}/cgroup").splitlines())


def check_groups(report, pid):
    groups = groups_of(pid)
    for controller, name in LIMITS.items():
        group = groups.get(controller, "")
        report.check(re.search(r"/[0-9a-f]{16}/\d+/worker$", group), f"a worker has a control group for {controller}", groups)
        limit = read(f"{GROUPS}/{controller}{os.path.dirname(group)}/{name}")
        report.check(limit.isdigit() and int(limit) < UNLIMITED, f"with a bound: {name} {limit}")
    report.check(groups.get("memory", "").startswith("/sluice.slice/sluice-workers.service/"),
                 "it is in what systemd delegates", groups)


def main(report):
    report.check(os.path.isdir(f"{GROUPS}/memory"), "the machine has version 1 of control groups", read("/proc/self/mountinfo"))
    for unit in UNITS:
        report.check(state(unit) == "active", f"the machine starts {unit}", journal())
    report.check(wait_ready(), "workers are ready", journal())
    check_doctor(report)
    create_tenants(report)
    check_programs(report)
    with Program("alice", f"{PROGRAMS}/steady", "600", "1") as program:
        report.check(program.wait_line() == "ready", "a program works")
        pid = program.session().get("worker_pid", 0)
        check_privileges(report, pid, main_pid())
        check_groups(report, pid)
