"""Attacks on other processes, and processes that are to outlive their session."""

import os
import resource
import shutil
import signal

from pool import wait_until
from suite import JAIL, attack
from world import MARK, WORKER_PROCESSES, Victim, inodes, libc, lives, status_of

STRANGER = 64099  # a user that nobody is
SIGNALS = ("pid-namespace", "own-uid", "seccomp")


@attack(*SIGNALS, row="2")
def kill_by_an_asynchronous_descriptor(w):
    """A kernel makes another process of the daemon's user the owner of a pipe whose events are SIGKILL."""
    with Victim() as victim:
        w.attack("signal_by_owner", victim.pid, 9)
        return victim.ended_by() == 9, victim.ended_by()


@attack(*SIGNALS, row="2")
def kill_another_tenants_worker(w):
    """The same with another tenant's worker."""
    pid = w.other_worker()
    w.attack("signal_by_owner", pid, 9)
    return wait_until(lambda: not lives(pid), 0.5)


@attack(*SIGNALS, row="2", order=9)
def kill_the_daemon(w):
    """The same with the daemon."""
    w.attack("signal_by_owner", w.pool.daemon.pid, 9)
    return wait_until(lambda: w.pool.daemon.poll() is not None, 0.5)


@attack("pid-namespace", "own-uid", row="2")
def signal_another_process(w):
    """A kernel sends a signal by every call that sends one."""
    with Victim() as victim:
        w.attack("signal_directly", victim.pid, int(signal.SIGURG))
        return victim.look()["signals"] > 0, victim.look()


@attack("pid-namespace", "own-uid", machine="own")
def signal_all_processes(w):
    """A kernel sends a signal to every process that it may signal (SIGURG, which harms nobody)."""
    with Victim() as victim:
        w.attack("signal_everybody", int(signal.SIGURG))
        return victim.look()["signals"] > 0, victim.look()


@attack("pid-namespace", "cgroup", row="3", down=(*JAIL, "cgroup"))
def leave_a_process(w):
    """A kernel starts a process that means to outlive session, tenant and daemon, and to compute for nothing."""
    return leaves_children(w, int(signal.SIGCHLD), 1)


@attack("pid-namespace", "cgroup", row="3", down=(*JAIL, "cgroup"))
def leave_a_process_to_the_daemon(w):
    """The same with the daemon as its parent."""
    return leaves_children(w, 0x8000 | int(signal.SIGCHLD), 0)


def leaves_children(w, flags, computes):
    with w.launch("child_that_stays", flags, computes) as run:
        said = run.results()
    return not wait_until(lambda: not w.strays(), 2), said[:1]


@attack("cgroup", row="3", user="no control group; only the user's own limit of processes", machine="own")
def start_five_hundred_processes(w):
    """A kernel starts five hundred processes at once."""
    with w.launch("many_children", 500, 1500) as run:
        seen = [0]
        wait_until(lambda: seen.append(len(run.wide())) or seen[-1] > 500, 1.5, 0.05)
    return max(seen) > WORKER_PROCESSES, f"{max(seen)} lived at once"


@attack("pid-namespace", "own-uid", row="12")
def change_anothers_scheduling(w):
    """A kernel binds another tenant's worker to one processor, and makes it wait for all others."""
    pid = w.other_worker()
    before = scheduling_of(pid)
    w.attack("change_scheduling", pid)
    after = scheduling_of(pid)
    if after != before:
        w.end_other()
    return after != before, f"{before} {after}"


def scheduling_of(pid):
    return sorted(os.sched_getaffinity(pid)), os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid), \
        libc.syscall(252, 1, pid)  # ioprio_get


@attack("pid-namespace", "own-uid", "seccomp")
def change_anothers_limits(w):
    """A kernel lowers another process's limit of descriptors."""
    with Victim() as victim:
        w.attack("change_limits", victim.pid)
        return resource.prlimit(victim.pid, resource.RLIMIT_NOFILE)[0] == 16


@attack("pid-namespace", "own-uid", "seccomp", "landlock")
def trace_another_process(w):
    """A kernel traces another process of the daemon's user."""
    with Victim() as victim, w.launch("trace", victim.pid) as run:
        run.reaches()
        return status_of(victim.pid).get("TracerPid", "0") != "0", run.peek()[:1]


@attack("pid-namespace", "own-uid", "seccomp", "landlock")
def write_anothers_memory(w):
    """A kernel writes into the memory of another process (process_vm_writev)."""
    return memory_changed(w, "write_memory")


@attack("own-uid", "landlock")
def write_anothers_memory_as_a_file(w):
    """A kernel writes to /proc/PID/mem of another process."""
    return memory_changed(w, "write_memory_file")


def memory_changed(w, kernel):
    with Victim() as victim:
        said = w.attack(kernel, victim.pid, victim.address)
        return victim.look()["bytes"].encode() == MARK, said[:2]


@attack("pid-namespace", "own-uid", "seccomp", "landlock", user=None)
def take_anothers_descriptor(w):
    """A kernel takes a descriptor out of another process (pidfd_getfd)."""
    with Victim() as victim, w.launch("steal_descriptor", victim.pid, victim.descriptor) as run:
        run.reaches()
        return bool(inodes(victim.pid) & {pair for pid in run.wide() for pair in inodes(pid)}), run.peek()[:2]


@attack("seccomp", row="17", user=None)
def enter_a_user_namespace(w):
    """A kernel starts a process in a user namespace of its own, where it has every capability: by clone, clone3, unshare."""
    with w.launch("user_namespace") as run:
        run.reaches()
        own = os.readlink(f"/proc/{run.worker}/ns/user")
        others = {os.readlink(f"/proc/{pid}/ns/user") for pid in run.wide() if lives(pid)}
        return bool(others - {own}), run.peek()[:3]


@attack("seccomp", user=None)
def mount_a_file_system(w):
    """A kernel gives itself mounts of its own, and lays an empty file system over /usr."""
    with w.launch("own_mounts") as run:
        run.reaches()
        found = []
        for pid in run.wide():
            try:
                with open(f"/proc/{pid}/mounts", encoding="utf-8") as file:
                    found.append("attack /usr" in file.read())
            except OSError:
                pass
        return any(found), run.peek()[:2]


@attack("seccomp", user=None)
def run_a_program_from_memory(w):
    """A kernel runs a program that lies in no file system (memfd_create)."""
    return runs(w, "run_from_memory", shutil.which("sleep"), lambda pid: exe(pid).startswith("/memfd:attack"))


@attack(always="workers gain no privileges by running programs", native=True, user=None)
def run_a_set_uid_program(w):
    """A kernel runs a program with the set-user-id bit of another user."""
    path = w.file(mode=0o755)
    shutil.copyfile(shutil.which("sleep"), path)
    os.chown(path, STRANGER, STRANGER)
    os.chmod(path, 0o4755)
    return runs(w, "run_program", path, lambda pid: status_of(pid).get("Uid", "").split()[1:2] == [str(STRANGER)])


def exe(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def runs(w, kernel, path, judge):
    with w.launch(kernel, os.path.realpath(path), "3") as run:
        run.reaches()
        return wait_until(lambda: any(judge(pid) for pid in run.wide()), 1.5, 0.02), run.peek()[:4]
