#!/usr/bin/python3
"""What sessions are charged, held against what no worker can write: the processor time of the workers' control groups,
which the kernel counts (of the processes, where there are no groups), and the work that the honest load counted itself.

    charged + build of a device  >=  its workers' processor time / units - 1 %

with honest tenants among hostile ones: a kernel that spins on one thread and reports nothing, programs that die while
it spins, many sessions at once, and one that only compiles. Control: without the fence `evidence` the same must fail."""

import contextlib
import json
import os
import subprocess
import time

from pool import fences_denied_here, wait_until
from scenario import run

UNITS = os.cpu_count()
MIX_S, CAP_S, LIFE_S, RUNS_MAX = 5, 10.5, 2, 5
SPUN_S, COMPILED_S = 0.4, 3  # of processor time, before the program of a spinning kernel dies; with its compile
CAP, WINDOW_S = 0.3, 10
QUIET = 0.25  # of a life, that the workers' threads together may have waited for a processor; on a busy machine more than 1
SPARE = 1.05  # by so much more may a strategy get than an honest tenant


def counter_of(pid):
    """A function that says how much processor time this worker has used, in seconds; None once it cannot."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        groups = dict(line.strip().split(":", 2)[1:] for line in file)
    places = ((f"/sys/fs/cgroup/cpuacct{groups.get('cpuacct', '')}/cpuacct.usage", lambda text: int(text) / 1e9),
              (f"/sys/fs/cgroup{groups.get('', '')}/cpu.stat", lambda text: int(text.split()[1]) / 1e6))
    for path, parse in places:
        if path.split("/")[-2] == "worker" and os.path.exists(path):
            file = os.open(path, os.O_RDONLY)
            return lambda: parse(os.pread(file, 256, 0))
    return lambda: time.clock_gettime_ns((~pid << 3) | 2) / 1e9  # clock_getcpuclockid(3)


class Kernel:
    """The processor time of the workers of each tenant, from where each was seen first to where it was seen last."""

    def __init__(self, pool):
        self.pool, self.workers = pool, {}  # by pid: tenant, counter, first, last

    def look(self):
        for session in self.pool.sessions():
            pid = session["worker_pid"]
            try:
                if pid not in self.workers:
                    counter = counter_of(pid)
                    self.workers[pid] = [session["tenant"], counter, counter(), 0]
                self.workers[pid][3] = self.workers[pid][1]()
            except (OSError, ValueError, IndexError):
                continue  # it has ended meanwhile: as it was seen last

    def used_s(self, *tenants):
        return sum(max(last - first, 0) for tenant, _, first, last in self.workers.values() if tenant in tenants)


def books_s(pool, *tenants):
    """Charged and build of these tenants' sessions, the ended ones too."""
    every = pool.sessions() + pool.ask("sessions", "--ended")["sessions"]
    mine = [session["usage"] for session in every if session["tenant"] in tenants]
    return sum(usage["charged_ns"] + usage["build_ns"] for usage in mine) / 1e9


class Load:
    """A program that always has kernels to run, and counts what it got done."""

    started = 0

    def __init__(self, scenario, pool, tenant, *options):
        if "--seconds" not in options:
            options = ("--seconds", "600", *options)
        Load.started += 1
        self.path = os.path.join(scenario.work, f"load-{Load.started}")
        with open(self.path, "w", encoding="ascii") as out:
            self.child = pool.popen(load(scenario, *options), tenant=tenant, stdout=out, stderr=subprocess.STDOUT)

    def counted(self):
        """Its last report: iterations, and its events' sum of times."""
        with open(self.path, encoding="ascii") as file:
            lines = [line for line in file.read().split("\n")[:-1] if line.startswith('{"ns"')]
        return json.loads(lines[-1]) if lines else {"iterations": 0, "device_ns": 0}

    def works(self):
        return self.counted()["iterations"] > 0

    def said(self):
        with open(self.path, encoding="ascii") as file:
            return f"status {self.child.poll()}: {file.read()[-300:]}"

    def end(self):
        self.child.kill()
        self.child.wait()


def load(scenario, *options):
    return [os.path.join(scenario.build, "bench", "slice_load"), "--calibration",
            os.path.join(scenario.work, "calibration"), *options]


def create(scenario, pool, *names):
    for name in names:
        made = pool.command("tenant", "create", name, "--memory", "64MiB", "--uid", str(os.getuid()), "--gpu", "100m")
        scenario.check(made.returncode == 0, f"tenant {name} is made", made.stderr)


def spin_and_die(scenario, pool, kernel, spun_s=SPUN_S):
    """A program whose kernel spins on one thread, and which is killed once that has used some time. What it used."""
    before = kernel.used_s("spins")
    child = pool.popen([scenario.program("endless")], tenant="spins", stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def spun():
        kernel.look()
        return kernel.used_s("spins") - before > spun_s

    scenario.check(wait_until(spun, 30, 0.02), "a kernel spins", pool.log())
    child.kill()
    child.communicate()
    return kernel.used_s("spins") - before


class Life:
    """A load from its start to its end, beside others of the same length: what its session was charged, and what the
    load's own events say. Whole lives, so that nothing depends on when either is read."""

    def __init__(self, scenario, pool, mode, *beside):
        known = {session["id"] for session in self.of(pool)}
        loads = [Load(scenario, pool, tenant, "--lengths", "200us", "--mode", kind, "--seconds", str(LIFE_S))
                 for tenant, kind in (("honest", mode), *beside)]
        delayed = {}
        while any(one.child.poll() is None for one in loads):
            for session in pool.sessions():
                delayed[session["worker_pid"]] = delayed_s(session["worker_pid"]) or delayed.get(session["worker_pid"], 0)
            time.sleep(0.1)
        self.quiet = sum(delayed.values()) < QUIET * LIFE_S
        ended = wait_until(lambda: any(session["id"] not in known for session in self.of(pool)), 10, 0.05)
        scenario.check(ended, "a session that has ended is in the books", loads[0].said())
        usage = [session["usage"] for session in self.of(pool) if session["id"] not in known]
        self.charged_s = sum(one["charged_ns"] for one in usage) / 1e9
        self.iterations, self.events_s = loads[0].counted()["iterations"], loads[0].counted()["device_ns"] / 1e9

    @staticmethod
    def of(pool):
        return [session for session in pool.ask("sessions", "--ended")["sessions"] if session["tenant"] == "honest"]

    def agrees(self):
        return self.charged_s <= 1.01 * self.events_s

    def __str__(self):
        return f"charged {self.charged_s:.3f} s, events {self.events_s:.3f} s"


def delayed_s(pid):
    """How long the worker's threads were ready to run and did not, for want of a processor. 0: it has ended."""
    delayed_ns = 0
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                delayed_ns += int(file.read().split()[1])
    return delayed_ns / 1e9


def honest_ones(scenario, pool):
    """An honest tenant is charged what its events say, alone and beside another. Iterations by charged second, alone.
    The kernel was compiled before: its first event takes as long as that, and no device time. What else the machine
    does can only add to a charge, and not in every run: charging too much would show in all of them."""
    Life(scenario, pool, "deep", ("other", "deep"))
    for what, mode, *beside in (("alone, a tenant that enqueues ahead", "deep"),
                                ("alone, one that waits for each kernel", "sync"),
                                ("beside another, one that enqueues ahead", "deep", ("other", "deep")),
                                ("beside another, one that waits for each kernel", "sync", ("other", "sync"))):
        lives = [Life(scenario, pool, mode, *beside)]
        while len(lives) < RUNS_MAX and not lives[-1].agrees():
            lives.append(Life(scenario, pool, mode, *beside))
        if what.startswith("alone") and mode == "deep":
            iterations_per_s = lives[-1].iterations / max(lives[-1].charged_s, 1e-9)
        if lives[-1].agrees() or not beside or any(one.quiet for one in lives):
            scenario.check(lives[-1].agrees(), f"{what} is charged what its events say", "; ".join(map(str, lives)))
        else:
            scenario.note(f"{what}, on a machine that does other things: {lives[-1]}; nothing follows from it")
    return iterations_per_s


def mixed(scenario, pool):
    """Honest tenants among hostile ones: what was charged, and what the kernel and the loads counted. Books are read
    before the kernel's counters at first and after them at last, so that no charge is missed."""
    names = ("honest", "spins", "many", "compiles")
    spin_and_die(scenario, pool, Kernel(pool), COMPILED_S)  # from now on its kernel is in the cache
    loads = [Load(scenario, pool, "honest", "--lengths", "200us", "--mode", "deep")]
    many = [Load(scenario, pool, "many", "--lengths", "200us", "--mode", "sync") for _ in range(4)]
    child = pool.popen([scenario.program("compiles"), "1500"], tenant="compiles", stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    working = lambda: all(one.works() for one in loads + many)
    scenario.check(wait_until(working, 60, 0.1), "honest and hostile tenants work side by side",
                   "\n".join(one.said() for one in loads + many))
    kernel = Kernel(pool)
    before, iterations = {name: books_s(pool, name) for name in names}, sum(one.counted()["iterations"] for one in many)
    kernel.look()
    end = time.monotonic() + MIX_S
    while time.monotonic() < end:
        spin_and_die(scenario, pool, kernel)
    kernel.look()
    iterations = sum(one.counted()["iterations"] for one in many) - iterations
    wait_until(lambda: not any(session["tenant"] == "spins" for session in pool.sessions()), 5, 0.05)
    charged = {name: books_s(pool, name) - before[name] for name in names}
    used = {name: kernel.used_s(name) for name in names}
    for one in loads + many:
        one.end()
    child.kill()
    child.communicate()
    scenario.note("charged and build, processor time: " +
                  ", ".join(f"{name} {charged[name]:.3f} s, {used[name]:.3f} s" for name in names))
    return charged, used, iterations


def nothing_is_gained(scenario, pool, honest_iterations_per_s):
    charged, used, iterations = mixed(scenario, pool)
    scenario.check(sum(charged.values()) >= 0.99 * sum(used.values()) / UNITS,
                   "charged and build are no less than the workers' processor time", f"{charged} {used}")
    # It keeps the device for as long as its one thread runs, while others want it.
    scenario.check(SPARE * charged["spins"] >= used["spins"], "a kernel on one thread is charged for the whole device")
    for name in ("many", "compiles"):
        scenario.check(charged[name] >= 0.99 * used[name] / UNITS, f"{name} is charged for what it uses")
    scenario.check(iterations <= SPARE * honest_iterations_per_s * charged["many"],
                   "many sessions get no more done by charged second than an honest tenant alone",
                   f"{iterations / max(charged['many'], 1e-9):.0f} {honest_iterations_per_s:.0f}")


def dies_while_it_computes(scenario, pool):
    kernel, before = Kernel(pool), books_s(pool, "spins")
    used_s = spin_and_die(scenario, pool, kernel)
    wait_until(lambda: not any(session["tenant"] == "spins" for session in pool.sessions()), 5, 0.05)
    charged_s = books_s(pool, "spins") - before
    scenario.check(charged_s >= 0.99 * used_s / UNITS, "a program that dies while its kernel spins is charged for it",
                   f"{charged_s:.3f} s, processor time {used_s:.3f} s")


def a_cap_holds(scenario, pool):
    """By the kernel's count, in every 10 seconds."""
    made = pool.command("tenant", "set", "capped", "--cap", f"{CAP * 1000:.0f}m")
    scenario.check(made.returncode == 0, "a tenant is capped", made.stderr)
    busy = Load(scenario, pool, "capped", "--lengths", "200us,2ms", "--mode", "deep")
    scenario.check(wait_until(busy.works, 60, 0.1), "and works", busy.said())
    time.sleep(0.5)
    kernel, seen = Kernel(pool), []
    end = time.monotonic() + CAP_S
    while time.monotonic() < end:
        kernel.look()
        seen.append((time.monotonic(), kernel.used_s("capped") / UNITS))
        time.sleep(0.1)
    busy.end()
    shares = [(used - used_then) / (now - then) for i, (then, used_then) in enumerate(seen)
              for now, used in seen[i:] if now - then >= WINDOW_S]
    scenario.check(shares and max(shares) <= CAP + 0.01, "its cap holds over 10 s",
                   f"{max(shares, default=0):.4f} of the processors")
    scenario.note(f"a cap of {CAP}: at most {max(shares, default=0):.4f} in 10 s, at least {min(shares, default=0):.4f}")


def survives_the_daemon(scenario, pool):
    busy = Load(scenario, pool, "lasts", "--lengths", "2ms")
    scenario.check(wait_until(lambda: books_s(pool, "lasts") > 0 and busy.works(), 60, 0.1), "a session is charged")
    kernel = Kernel(pool)
    kernel.look()
    time.sleep(1.2)  # its books are a second old at most
    kernel.look()
    before_s, used_s = books_s(pool, "lasts"), kernel.used_s("lasts")
    pool.kill_daemon()
    time.sleep(1)
    pool.start()
    scenario.check(wait_until(pool.sessions, 20, 0.1), "the next daemon knows the session", pool.log())
    kernel.look()
    added_s, used_s = books_s(pool, "lasts") - before_s, kernel.used_s("lasts") - used_s
    scenario.check(added_s >= 0.99 * used_s / UNITS, "what was used before, and while no daemon lived, is charged",
                   f"{added_s:.3f} s, processor time {used_s:.3f} s")
    busy.end()


def believing(scenario):
    return f"[jail]\nwithout = {json.dumps(['evidence', *fences_denied_here(scenario.build)])}\n"


def main(scenario):
    calibrated = scenario.native.run(load(scenario)[:3] + ["--calibrate"])
    scenario.check(calibrated.returncode == 0, "the load is calibrated natively", calibrated.stdout + calibrated.stderr)
    names = ("honest", "other", "spins", "many", "compiles")
    create(scenario, scenario.pool, *names, "capped", "lasts")
    iterations_per_s = honest_ones(scenario, scenario.pool)
    nothing_is_gained(scenario, scenario.pool, iterations_per_s)
    dies_while_it_computes(scenario, scenario.pool)
    a_cap_holds(scenario, scenario.pool)
    survives_the_daemon(scenario, scenario.pool)
    with scenario.new_pool(name="believed", config=believing(scenario)) as pool:
        create(scenario, pool, *names)
        charged, used, _ = mixed(scenario, pool)
        scenario.check(sum(charged.values()) < 0.99 * sum(used.values()) / UNITS and charged["spins"] < used["spins"] / UNITS,
                       "where workers are believed, they use more than they are charged for", f"{charged} {used}")


run(main)
