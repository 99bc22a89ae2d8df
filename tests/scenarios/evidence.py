#!/usr/bin/python3
"""What sessions are charged, held against what no worker can write: the processor time of the workers' control groups,
which the kernel counts (of the processes, where there are no groups), and the work that the honest load counted itself.

    charged + build of a device  >=  its workers' processor time / units - 1 %

with honest tenants among hostile ones: a kernel that spins on one thread and reports nothing, programs that die while
it spins, many sessions at once, and one that only compiles. Control: without the fence `evidence` the same must fail."""

import json
import os
import subprocess
import time

from pool import wait_until
from scenario import run

UNITS = os.cpu_count()
MIX_S, CAP_S, ALONE_S, WINDOWS = 5, 10.5, 2, 5
SPUN_S, COMPILED_S = 0.4, 3  # of processor time, before the program of a spinning kernel dies; with its compile
CAP, WINDOW_S = 0.3, 10
SPARE = 1.05  # by so much more may a strategy get than an honest tenant
QUIET = 0.02  # of a window, that a worker's threads may have waited for a processor


def stolen_s():
    """What the machine's host took from it, by processor."""
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK") / UNITS


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
            os.path.join(scenario.work, "calibration"), "--seconds", "600", *options]


# Of the tenants, the first ones begin with what pools before compiled. Programs that are killed while they compile may
# leave that unfinished, and then a build fails: so nobody runs as those.
UNUSED = ("first", "second")


def create(scenario, pool, *names):
    for name in (*UNUSED, *names):
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


class Window:
    """What a tenant was charged and what its load counted, in some seconds."""

    def __init__(self, pool, tenant, loads, seconds):
        ready = lambda: (books_s(pool, tenant), sum(one.counted()["iterations"] for one in loads),
                         sum(one.counted()["device_ns"] for one in loads) / 1e9)
        pids = [session["worker_pid"] for session in pool.sessions() if session["tenant"] == tenant]
        before, stolen, delayed = ready(), stolen_s(), sum(map(delayed_s, pids))
        time.sleep(seconds)
        self.charged_s, self.iterations, self.events_s = (now - then for then, now in zip(before, ready()))
        self.quiet = stolen_s() - stolen < 0.03 * seconds and sum(map(delayed_s, pids)) - delayed < QUIET * seconds

    def agrees(self):
        """A report of the load is up to 50 ms old at either end, and a launch that is under way is not in it."""
        return self.charged_s <= 1.01 * self.events_s + 0.06

    def __str__(self):
        return f"charged {self.charged_s:.3f} s, events {self.events_s:.3f} s"


def best_window(pool, tenant, loads):
    """The first in which charge and events agree; if none does, the one on the quietest machine. What else the machine
    does can only add to a charge, and not in every window: charging too much would show in all of them."""
    windows = []
    while len(windows) < WINDOWS and not (windows and windows[-1].agrees()):
        windows.append(Window(pool, tenant, loads, ALONE_S))
    return max(windows, key=lambda one: (one.agrees(), one.quiet))


def delayed_s(pid):
    """How long the worker's threads were ready to run and did not, for want of a processor."""
    delayed_ns = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                delayed_ns += int(file.read().split()[1])
        except OSError:
            continue
    return delayed_ns / 1e9


def honest_ones(scenario, pool):
    """An honest tenant is charged what its events say, alone and beside another. Iterations by charged second, alone."""
    first = Load(scenario, pool, "honest", "--lengths", "200us", "--mode", "deep")
    scenario.check(wait_until(first.works, 60, 0.1), "an honest tenant works", first.said())
    time.sleep(0.5)
    alone = best_window(pool, "honest", [first])
    scenario.check(alone.agrees(), "alone, it is charged what its events say", str(alone))
    second = Load(scenario, pool, "other", "--lengths", "200us", "--mode", "deep")
    scenario.check(wait_until(second.works, 60, 0.1), "and another beside it", second.said())
    beside = best_window(pool, "honest", [first])
    if beside.agrees() or beside.quiet:
        scenario.check(beside.agrees(), "beside another it is, too", str(beside))
    else:
        scenario.note(f"beside another, on a machine that does other things: {beside}; nothing follows from it")
    first.end()
    second.end()
    return alone.iterations / max(alone.charged_s, 1e-9)


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
    with scenario.new_pool(name="believed", config='[jail]\nwithout = ["evidence"]\n') as pool:
        create(scenario, pool, *names)
        charged, used, _ = mixed(scenario, pool)
        scenario.check(sum(charged.values()) < 0.99 * sum(used.values()) / UNITS and charged["spins"] < used["spins"] / UNITS,
                       "where workers are believed, they use more than they are charged for", f"{charged} {used}")


run(main, name="evidence")
