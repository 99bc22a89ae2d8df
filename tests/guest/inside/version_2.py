"""The service on Debian 12 as it is, with version 2 of control groups and nothing else."""

import glob
import os
import re
import time

from report import read, run, said
from service import (PROGRAMS, READY_S_MAX, UNITS, Program, ask, journal, main_pid, processes, run_as, runs_as_worker,
                     sessions, state, status_of, systemctl, wait_ready, wait_until)

EXPOSURE_MAX = 4.0  # as tools/check-unit
WORKERS_GROUP = "/sluice.slice/sluice-workers.service"
GROUPS = "/sys/fs/cgroup"
NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts")
CAP, FENCE, SLACK = 0.3, 0.05, 0.02  # of the device; the fence lies that far above the cap
MEASURED_S = 6
KERNELS = "/opt/sluice-tests/tests/attacks/kernels"


# ---- the units ----

def check_units(report):
    verified = run("systemd-analyze", "verify", "--man=no", *UNITS)
    report.check(verified.returncode == 0 and not (verified.stdout + verified.stderr).strip(),
                 "systemd finds nothing wrong with the units", said(verified))
    rated = run("systemd-analyze", "security", "--no-pager", "sluiced.service")
    found = re.search(r"exposure level for \S+: ([0-9.]+)", rated.stdout)
    exposure = float(found.group(1)) if found else None
    report.check(exposure is not None and exposure <= EXPOSURE_MAX,
                 f"the running service's exposure is {exposure}, at most {EXPOSURE_MAX}", said(rated))


def check_started(report):
    report.check(read(f"{GROUPS}/cgroup.controllers") and not os.path.exists(f"{GROUPS}/memory"),
                 "the machine has version 2 of control groups and nothing else", read("/proc/self/mountinfo"))
    for unit in UNITS:
        report.check(state(unit) == "active", f"the machine starts {unit}", journal())
    report.check(wait_ready(), "workers are ready", journal())


def check_doctor(report):
    doctor = run("sluice", "doctor")
    report.check(doctor.returncode == 0, "sluice doctor finds every fence", said(doctor))
    for feature in ask("doctor").get("features", []):
        report.note(f"{feature['name']}: {'yes' if feature['available'] else 'no'} {feature['detail']}")


# ---- programs of ordinary users ----

def create_tenants(report):
    for name, words in (("alice", ()), ("mallory", ("--cap", f"{CAP * 1000:.0f}m"))):
        stranger = run_as(name, "clinfo", "-l")
        report.check("knows no tenant for uid" in stranger.stderr, f"before there is a tenant, {name} does not come in",
                     said(stranger))
        made = run("sluice", "tenant", "create", name, "--memory", "256MiB", "--uid", name, *words)
        report.check(made.returncode == 0, f"a tenant is made: {name}", said(made))


def check_programs(report):
    listed = run_as("alice", "clinfo", "-l")
    report.check("Sluice" in listed.stdout, "clinfo of an ordinary user shows the virtual device", said(listed))
    worked = run_as("alice", f"{PROGRAMS}/steady", "2")
    report.check(worked.returncode == 0 and "rounds" in worked.stdout,
                 "kernels of an ordinary user's program have the right results", said(worked))


# ---- what a worker is ----

def group_of(pid):
    return read(f"/proc/{pid}/cgroup").removeprefix("0::")


def check_privileges(report, pid, daemon):
    status = status_of(pid)
    report.check(runs_as_worker(pid) and len(set(status["Uid"].split())) == 1, "a worker has a user id of its own",
                 status.get("Uid"))
    held = {name: value for name, value in status.items() if name.startswith("Cap") and int(value, 16) != 0}
    report.check(not held, "a worker has no capability", held)
    report.check(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "a worker's system calls are filtered", status)
    shared = [name for name in NAMESPACES if os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/{daemon}/ns/{name}")]
    report.check(not shared, f"a worker has its own namespaces: {', '.join(NAMESPACES)}", shared)


def check_group(report, pid):
    group = group_of(pid)
    report.check(re.fullmatch(WORKERS_GROUP + r"/[0-9a-f]{16}/\d+/worker", group),
                 f"a worker's control group is below {WORKERS_GROUP}", group)
    session, worker = GROUPS + os.path.dirname(group), GROUPS + group
    limits = {name: read(f"{session}/{name}") for name in ("memory.max", "pids.max")}
    limits["cpu.max"] = read(f"{worker}/cpu.max")
    report.note(", ".join(f"{name} {value}" for name, value in limits.items()))
    report.check(all(limits[name].isdigit() for name in ("memory.max", "pids.max")),
                 "its memory and its processes have bounds", limits)
    return limits["cpu.max"]


def check_worker(report):
    with Program("alice", f"{PROGRAMS}/steady", "600", "1") as program:
        report.check(program.wait_line() == "ready", "a program works")
        pid = program.session().get("worker_pid", 0)
        check_privileges(report, pid, main_pid())
        report.check(check_group(report, pid).startswith("max "), "without a cap its processor time has no bound")


def cpu_us(group):
    return int(re.search(r"usage_usec (\d+)", read(f"{GROUPS}{group}/cpu.stat")).group(1))


def share_of(group):
    """Of all processors, that a control group uses."""
    began, before = time.monotonic(), cpu_us(group)
    time.sleep(MEASURED_S)
    return (cpu_us(group) - before) / 1e6 / (time.monotonic() - began) / os.cpu_count()


def computing(user):
    """A program whose kernel computes on all processors, and does not return in time."""
    source = next(path for path in glob.glob(f"{KERNELS}/*.cl") if "kernel void compute(" in read(path))
    return Program(user, f"{PROGRAMS}/attacker", "compute", f"{KERNELS}/library.cl", source, "--", "60000",
                   str(os.cpu_count() - 1))


def check_cpu_fence(report):
    shares = {}
    for user in ("alice", "mallory"):
        with computing(user) as program:
            if not wait_until(program.session, READY_S_MAX):
                return report.check(False, f"a kernel of {user} computes", program.end())
            group = group_of(program.session()["worker_pid"])
            wait_until(lambda: cpu_us(group) > 2_000_000, READY_S_MAX)
            limit = read(f"{GROUPS}{group}/cpu.max")
            shares[user] = share_of(group)
        report.note(f"{user}: cpu.max {limit}, {shares[user]:.3f} of the processors")
    report.check(shares["mallory"] <= CAP + FENCE + SLACK,
                 f"a kernel that does not return has no more than a cap of {CAP} and {FENCE}", shares)
    report.check(shares["alice"] > CAP + FENCE + SLACK, "without a cap it has more", shares)


# ---- the daemon goes, sessions stay ----

def restart_s():
    began = time.monotonic()
    systemctl("restart", "sluiced.service")
    wait_ready()
    return time.monotonic() - began


def killed():
    before = main_pid()
    systemctl("kill", "--signal=KILL", "--kill-whom=main", "sluiced.service")
    wait_until(lambda: main_pid() not in (0, before) and state("sluiced.service") == "active", READY_S_MAX, 0.2)


def check_survival(report, what, end_daemon, usual_s):
    """A session begins, the daemon ends, the next one goes on with it."""
    with Program("alice", f"{PROGRAMS}/steady", f"{10 + 4 * usual_s:.0f}", "1") as program:
        report.check(program.wait_line() == "ready", f"{what}: a program works")
        before, daemon = program.session(), main_pid()
        end_daemon()
        report.check(state("sluiced.service") == "active" and main_pid() not in (0, daemon),
                     f"{what}: another daemon serves", journal())
        wait_until(program.session, READY_S_MAX, 0.2)
        after = program.session()
        report.check(after and (after["id"], after["worker_pid"]) == (before["id"], before["worker_pid"]),
                     f"{what}: it knows the session", journal())
        goes_on = wait_until(lambda: charged(program.session()) > charged(after) >= charged(before), READY_S_MAX, 0.2)
        report.check(goes_on, f"{what}: charges go on from where they were", f"{before}\n{after}\n{program.session()}")
        status, text = program.end()
        report.check(status == 0 and "rounds" in text, f"{what}: the program ends with the right results",
                     f"{status} {text}\n{journal()}")
    wait_ready()


def charged(session):
    return session.get("usage", {}).get("charged_ns", -1)


# ---- the end ----

def groups_below(unit):
    return [folder for folder, _, _ in os.walk(f"{GROUPS}{unit}")]


def leftovers():
    left = [f"process {pid}: {read(f'/proc/{pid}/comm')}" for pid in
            processes(lambda pid: runs_as_worker(pid) or read(f"/proc/{pid}/comm").startswith(("sluiced", "sluice-")))]
    left += [f"control group {folder}" for folder in groups_below(WORKERS_GROUP) if re.search(r"/[0-9a-f]{16}(/|$)", folder)]
    left += [f"mount {line}" for line in read("/proc/1/mountinfo").splitlines() if "sluice" in line]
    return left + [path for path in ("/run/sluice",) if os.path.exists(path)]


def check_stop(report, unit):
    with Program("alice", f"{PROGRAMS}/steady", "600", "1") as program:
        report.check(program.wait_line() == "ready", f"a program works when {unit} is stopped")
        stopped = systemctl("stop", unit)
        report.check(stopped.returncode == 0 and state("sluiced.service") == "inactive", f"stopping {unit} stops the daemon",
                     said(stopped) + journal())
        report.check(wait_until(lambda: not leftovers(), 20, 0.2), "and leaves no worker, control group, mount or socket",
                     "\n".join(leftovers()))
        report.check(program.end()[0] not in (0, None), "the program ends with its API's error")


def main(report):
    check_started(report)
    check_units(report)
    check_doctor(report)
    create_tenants(report)
    check_programs(report)
    check_worker(report)
    check_cpu_fence(report)
    usual_s = restart_s()
    report.note(f"a restart takes {usual_s:.1f} s")
    check_survival(report, "systemctl restart", lambda: systemctl("restart", "sluiced.service"), usual_s)
    check_survival(report, "kill -9", killed, usual_s)
    check_stop(report, "sluiced.service")
    report.check(state("sluice-workers.service") == "active", "the workers' unit stays")
    systemctl("start", "sluiced.service")
    report.check(wait_ready(), "the service starts again", journal())
    check_stop(report, "sluice-workers.service")
    report.check(not groups_below("/sluice.slice/sluice-workers.service"), "the workers' unit leaves no control group")
    systemctl("start", "sluiced.service")
    report.check(wait_ready() and not sessions(), "and both start again", journal())
