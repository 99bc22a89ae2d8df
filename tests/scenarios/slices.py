#!/usr/bin/python3
"""Tenants share a device as they were promised: shares, a cap, suspension, a kernel that never ends, kernels that must
be compiled first, and a daemon that dies while they contend. The margins here are wide, for machines that do other things
as well: bench/slices measures."""

import os
import shutil
import statistics
import subprocess
import time

from pool import wait_until
from scenario import run

COMMAND_S = 2  # limits.command_s of this pool


class Busy:
    """A tenant's program that always has kernels to run."""

    def __init__(self, scenario, tenant, *options, pool=None):
        self.pool, self.tenant = pool or scenario.pool, tenant
        load = os.path.join(scenario.build, "bench", "slice_load")
        calibration = os.path.join(scenario.work, "calibration")
        self.child = self.pool.popen([load, "--calibration", calibration, "--seconds", "600", *options], tenant=tenant,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def device_ns(self):
        return next((s["usage"]["device_ns"] for s in self.pool.sessions() if s["tenant"] == self.tenant), 0)

    def end(self):
        self.child.kill()
        self.child.communicate()


def calibrate(scenario):
    load = os.path.join(scenario.build, "bench", "slice_load")
    ended = scenario.native.run([load, "--calibrate", "--calibration", os.path.join(scenario.work, "calibration")])
    scenario.check(ended.returncode == 0, "the load is calibrated natively", ended.stdout + ended.stderr)


def tenant(scenario, *words):
    ended = scenario.pool.command("tenant", *words)
    scenario.check(ended.returncode == 0, "sluice tenant " + " ".join(words), ended.stderr)


def create(scenario, name, *words):
    tenant(scenario, "create", name, "--memory", "64MiB", "--uid", str(os.getuid()), *words)


def all_work(programs):
    return wait_until(lambda: all(program.device_ns() > 0 for program in programs), 60, 0.1)


def used_within(programs, seconds):
    before = [program.device_ns() for program in programs]
    begun = time.monotonic()
    time.sleep(seconds)
    after = [program.device_ns() for program in programs]
    return [now - then for then, now in zip(before, after)], (time.monotonic() - begun) * 1e9


def go_on(programs):
    """True as soon as all of them have used the device since the call. How much they use is the machine's affair."""
    before = [program.device_ns() for program in programs]
    return wait_until(lambda: all(program.device_ns() > then for program, then in zip(programs, before)), 20, 0.1)


def stolen_ticks():
    """What the machine's host took from it, over all processors."""
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8])


def quiet_shares(one, two):
    """The first one's share, in windows of 2 s in which the host left the machine alone: three of at most 20."""
    shares = []
    for _ in range(20):
        stolen = stolen_ticks()
        (first, second), passed_ns = used_within([one, two], 2)
        allowed = 0.03 * os.cpu_count() * os.sysconf("SC_CLK_TCK") * passed_ns / 1e9
        if stolen_ticks() - stolen <= allowed:
            shares.append(first / max(first + second, 1))
        if len(shares) == 3:
            break
    return shares


def shares_follow_guarantees(scenario):
    one, two = Busy(scenario, "one", "--lengths", "200us,2ms"), Busy(scenario, "two", "--lengths", "20us,10ms")
    scenario.check(all_work([one, two]), "two tenants work at once")
    time.sleep(2)
    if shares := quiet_shares(one, two):
        scenario.check(0.23 < statistics.median(shares) < 0.43,
                       "of two busy tenants with 250m and 500m the first has a third", str(shares))
    else:
        scenario.note("who had how much was not looked at: the host took the machine away all the time")
    why = scenario.pool.command("sessions", "--why").stdout
    scenario.check("holds the device" in why or "waits for its turn" in why, "`sluice sessions --why` tells who waits", why)
    suspension(scenario, one, two)
    two.end()
    return one


def suspension(scenario, one, two):
    tenant(scenario, "suspend", "one")
    time.sleep(1)  # within which it must hold
    before = one.device_ns()
    time.sleep(1)
    running = go_on([two])
    stopped = one.device_ns() - before
    scenario.check(stopped == 0 and running, "a suspended tenant gets nothing, and the other goes on", f"{stopped} {running}")
    tenant(scenario, "resume", "one")
    scenario.check(go_on([one]), "once resumed, it works again")


def a_cap_holds(scenario, one):
    tenant(scenario, "set", "one", "--cap", "300m", "--gpu", "250m")
    time.sleep(1)
    (used,), passed = used_within([one], 3)
    scenario.check(0.15 < used / passed < 0.35, "a cap of 300m that is set while it runs alone holds", f"{used / passed:.3f}")
    held_back = wait_until(lambda: "tenant one is held back by its cap of 300m" in scenario.pool.log(), 20, 0.2)
    scenario.check(held_back, "the log says who is held back, and by what")
    tenant(scenario, "set", "one", "--cap", "1")


def an_endless_kernel(scenario, one):
    endless = scenario.pool.popen([scenario.program("endless")], tenant="two", stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
    out, err = endless.communicate(timeout=60)  # alone on the device it would run for ever
    scenario.check("finish" in out, "a program whose kernel never ends has its API's error", out + err)
    scenario.check("limits.command_s" in err, "and is told why on its standard error", err)
    ended = lambda: scenario.pool.command("sessions", "--ended").stdout
    scenario.check(wait_until(lambda: "limits.command_s" in ended(), 5), "so is the owner", ended())
    scenario.check(go_on([one]), "the tenant that it kept waiting works on")


def without_a_daemon(scenario, one):
    two = Busy(scenario, "two", "--lengths", "2ms")
    scenario.check(all_work([one, two]), "two tenants contend again")
    pids = [session["worker_pid"] for session in scenario.pool.sessions()]
    scenario.pool.kill_daemon()
    time.sleep(1)  # so that neither lives on what the daemon granted it
    before = [processor_ticks(pid) for pid in pids]
    both = wait_until(lambda: all(processor_ticks(pid) > then for pid, then in zip(pids, before)), 20, 0.1)
    scenario.check(both, "without a daemon both go on", before)
    scenario.pool.start()
    scenario.check(all_work([one, two]), "the next daemon knows them")
    scenario.check(go_on([one, two]), "and both get their turns from it")
    two.end()


# A device that is a processor works in the worker itself.
def processor_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def pace(count, meanwhile):
    """By how much count() grows in a second while meanwhile() runs."""
    before, begun = count(), time.monotonic()
    meanwhile()
    return (count() - before) / (time.monotonic() - begun)


def compiling_costs_the_others_nothing(scenario):
    """A program whose kernel is compiled at its launch must not hold the device meanwhile. If it did, the other would
    launch next to nothing until then. As it does not, the other loses only what the compiler takes of the processors. How
    long the compiler takes, and how many launches a second are, depends on the machine: the other is compared with itself
    before."""
    create(scenario, "compiler")
    create(scenario, "worker")
    steady = scenario.pool.popen([scenario.program("steady"), "600"], tenant="worker", stdout=subprocess.PIPE, text=True)
    scenario.check(steady.stdout.readline() == "ready\n", "a tenant works")

    def launches():
        return next(s["usage"]["launches"] for s in scenario.pool.sessions() if s["tenant"] == "worker")

    alone = pace(launches, lambda: time.sleep(1))
    compiles = scenario.pool.popen([scenario.program("compiles"), "1500"], tenant="compiler", stdout=subprocess.PIPE, text=True)
    scenario.check(compiles.stdout.readline() == "launching\n", "another launches a kernel that takes long to compile")
    said = []
    beside = pace(launches, lambda: said.append(compiles.stdout.readline()))
    scenario.check(said == ["ran\n"], "it runs in the end")
    scenario.check(beside > alone / 10, "meanwhile the first has gone on",
                   f"{beside:.0f} launches a second, {alone:.0f} before")
    scenario.check(compiles.wait(60) == 0, "with the right result")
    steady.kill()
    steady.communicate()
    for name in ("compiler", "worker"):
        tenant(scenario, "delete", name, "--force")


def cold_pool(scenario):
    """One in which nothing was ever compiled, that suffers a command for no longer than a second."""
    pool = scenario.new_pool(name="cold", config="[limits]\ncommand_s = 1\n")
    shutil.rmtree(pool.cache)
    os.makedirs(pool.home)
    return pool


def waiting_for_a_compiler_is_not_running(scenario):
    """A launch that waits for a compile, its own or that of a build that is kept for later, does not hold the device:
    else it would be taken for a runaway."""
    with cold_pool(scenario) as pool:
        for name in ("one", "two"):
            pool.command("tenant", "create", name, "--memory", "64MiB", "--uid", str(os.getuid()))
        programs = [Busy(scenario, "one", "--lengths", "200us,2ms", pool=pool),
                    Busy(scenario, "two", "--lengths", "20us,10ms", pool=pool)]
        scenario.check(all_work(programs), "two tenants that compile at once work", pool.log())
        time.sleep(3)
        programs[1].end()
        pauses = pool.run([scenario.program("pauses"), "60", "50", "40"], tenant="two")
        scenario.check(pauses.returncode == 0, "one whose many kernels are kept for later while it pauses works beside another",
                       pauses.stdout + pauses.stderr + pool.log())
        scenario.note(f"its launches: {pauses.stdout.splitlines()[-1]}" if pauses.stdout else "")
        scenario.check(programs[0].device_ns() > 0, "which goes on")
        programs[0].end()
        scenario.check("limits.command_s" not in pool.log(), "and nobody is ended for it", pool.log())


def main(scenario):
    calibrate(scenario)
    waiting_for_a_compiler_is_not_running(scenario)
    create(scenario, "one", "--gpu", "250m")
    create(scenario, "two", "--gpu", "500m")
    one = shares_follow_guarantees(scenario)
    a_cap_holds(scenario, one)
    an_endless_kernel(scenario, one)
    compiling_costs_the_others_nothing(scenario)
    without_a_daemon(scenario, one)
    one.end()


run(main, config=f"[limits]\ncommand_s = {COMMAND_S}\n")
