"""Attacks on what is counted, bounded and charged: time, memory, space on the disk."""

import contextlib
import os
import time

from suite import attack
from world import SLICE, cpu_s, lives, mappings, memory_of, wait_until

PROCESSORS = len(os.sched_getaffinity(0))
CAP_MILLI = 100
BUILD_BYTES = 1900 << 20  # more than a session's builds may have
NO_GROUP = "no control group bounds it"


def found(value, name):
    """A key anywhere in a JSON value."""
    if isinstance(value, dict):
        return value[name] if name in value else next((hit for one in value.values() if (hit := found(one, name)) is not None),
                                                      None)
    return None


def charged_s(session):
    """What a session was charged, builds among it."""
    charged, build = found(session, "charged_ns"), found(session, "build_ns")
    return ((found(session, "device_ns") if charged is None else charged) + (build or 0)) / 1e9


def capped(w):
    w.register("capped", "--cap", f"{CAP_MILLI}m")
    return "capped"


def used_s(run, seconds):
    """Processor time of the run's worker and what it started, while so many seconds go by; and how many really did."""
    began = time.monotonic()
    before = {pid: cpu_s(pid) for pid in run.wide()}
    time.sleep(seconds)
    used = sum(cpu_s(pid) - before.get(pid, 0) for pid in run.wide())
    return used, time.monotonic() - began


@attack("cgroup", row="4", user=NO_GROUP, machine="own")
def compute_beyond_the_cap(w):
    """A kernel of a tenant with a cap computes on all processors and does not return."""
    with w.launch("compute", 4000, PROCESSORS - 1, tenant=capped(w)) as run:
        run.reaches(1, 15)
        used, passed = used_s(run, 2.5)
    share = used / passed / PROCESSORS
    return share > CAP_MILLI / 1000 + 0.08, f"{share:.0%} of the device at a cap of {CAP_MILLI / 10:.0f} %"


@attack("evidence", row="5", machine="own")
def leave_before_the_kernel_ends(w):
    """A program keeps its result in mapped memory, lets the kernel spin and exits before it has ended."""
    with w.launch("compute", 30000, 0) as run:
        time.sleep(2)
        run.end()
    return charged(w, 0.5), charged_text(w)


def charged(w, seconds):
    """True if less than that was charged to the last session of the attacker's."""
    wait_until(lambda: w.ended_session() is not None, 5)
    return charged_s(w.ended_session()) < seconds


def charged_text(w):
    return f"{charged_s(w.ended_session()):.2f} s charged"


@attack("evidence", row="4", user="no control group says how much was computed", machine="own")
def compute_without_a_lease(w):
    """A kernel starts processes that compute while the session holds no lease."""
    with w.launch("compute_without_lease", 30000, PROCESSORS) as run:
        run.results()
        used, _ = used_s(run, 2)
        run.end()
    return used > 0.3 and charged(w, used / PROCESSORS * 0.5), f"{used:.2f} s of processors used, {charged_text(w)}"


@attack("sealed-terms", row="4, 7", user=None)
def write_the_daemons_terms(w):
    """A kernel writes to the pages of its limits and lease terms: mprotect, a new mapping, a new descriptor of the page."""
    names = [name for name in ("sluice-terms", "sluice-lease", "sluice-tenant")]
    with w.launch("write_pages", *names) as run:
        run.reaches()
        marked = [name for start, end, _, name, _ in mappings(run.worker) if name in names and
                  last_bytes(run.worker, start, end) == b"XXXXXXXX"]
        return bool(marked), f"{marked} {run.peek()[:3]}"


def last_bytes(pid, start, end):
    try:
        with open(f"/proc/{pid}/map_files/{start.lstrip('0')}-{end.lstrip('0')}", "rb") as file:
            file.seek(int(end, 16) - int(start, 16) - 8)
            return file.read(8)
    except OSError:
        return b""


@attack(row="6", user=None, always="the arena is no larger than the slice and a constant")
def use_all_of_the_arena(w):
    """A kernel touches every page of the arena, far beyond what was allocated."""
    bound = SLICE * 1.25 + (64 << 20)
    with w.launch("touch_mapping", "sluice-arena") as run:
        run.reaches(seconds=10)
        wait_until(lambda: arena_bytes(run.worker) <= bound, 5, 0.05)  # the daemon looks every second, or more often
        bytes_there = arena_bytes(run.worker)
    return bytes_there > bound, f"{bytes_there >> 20} MiB for a slice of {SLICE >> 20} MiB"


def arena_bytes(worker):
    """That lie behind the worker's arena. 0: it has ended."""
    for start, end, _, name, _ in mappings(worker):
        if name == "sluice-arena":
            with contextlib.suppress(OSError):
                return os.stat(f"/proc/{worker}/map_files/{start.lstrip('0')}-{end.lstrip('0')}").st_blocks * 512
    return 0


@attack("cgroup", row="10", user=NO_GROUP)
def take_memory_past_the_api(w):
    """A kernel takes 1.5 GiB by mmap, which no call of the API counts."""
    enough = 1300 << 20  # more than a worker's own memory and its session's arena
    with w.launch("take_memory", 1536) as run:
        most = [0]
        wait_until(lambda: most.append(sum(memory_of(pid) for pid in run.wide())) or not lives(run.worker) or
                   most[-1] > enough, 10, 0.02)
    return max(most) > enough, f"{max(most) >> 20} MiB"


@attack("budgets", row="10")
def keep_commands_without_end(w):
    """A program launches six hundred thousand kernels that wait for ever, each with a kibibyte that its worker must keep."""
    return memory_of_hoarder(w, 400 << 20, "commands", 600_000)


def memory_of_hoarder(w, enough, *words):
    with w.start("hoarder", *words) as run:
        most = [0]
        wait_until(lambda: most.append(memory_of(run.worker)) or most[-1] > enough or not lives(run.worker)
                   or run.line(0) is not None, 20, 0.02)
        most.append(memory_of(run.worker))
    return max(most) > enough, f"{max(most) >> 20} MiB in the worker"


@attack("budgets", "cgroup", row="11")
def build_without_end(w):
    """A program builds source whose macros grow to sixty-four million numbers."""
    with w.start("hoarder", "macros", 13) as run:
        most = [0]
        wait_until(lambda: most.append(memory_of(run.worker)) or most[-1] > BUILD_BYTES or not lives(run.worker), 60, 0.05)
    return max(most) > BUILD_BYTES, f"{max(most) >> 20} MiB in the worker"
