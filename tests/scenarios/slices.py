#!/usr/bin/python3
"""Tenants share a device as they were promised: shares, a cap, suspension, a kernel that never ends, one that must be
compiled first, and a daemon that dies while they contend. The margins here are wide, for machines that do other things as
well: bench/slices measures."""

import os
import statistics
import subprocess
import time

from pool import wait_until
from scenario import run

COMMAND_S = 2  # limits.command_s of this pool


class Busy:
    """A tenant's program that always has kernels to run."""

    def __init__(self, scenario, tenant, *options):
        self.scenario, self.tenant = scenario, tenant
        load = os.path.join(scenario.build, "bench", "slice_load")
        calibration = os.path.join(scenario.work, "calibration")
        self.child = scenario.pool.popen([load, "--calibration", calibration, "--seconds", "600", *options], tenant=tenant,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def device_ns(self):
        return next((s["usage"]["device_ns"] for s in self.scenario.pool.sessions() if s["tenant"] == self.tenant), 0)

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


def compile_alone(scenario, name, lengths):
    """Runs every length once with the device to itself: who compiles is not busy, and this is about who is."""
    busy = Busy(scenario, name, "--lengths", lengths)
    scenario.check(all_work([busy]), f"tenant {name} works alone")
    time.sleep(4)
    busy.end()


def share_of_first(one, two, seconds):
    (first, second), _ = used_within([one, two], seconds)
    return first / max(first + second, 1)


def shares_follow_guarantees(scenario):
    compile_alone(scenario, "one", "200us,2ms")
    compile_alone(scenario, "two", "20us,10ms")
    one, two = Busy(scenario, "one", "--lengths", "200us,2ms"), Busy(scenario, "two", "--lengths", "20us,10ms")
    scenario.check(all_work([one, two]), "two tenants work at once")
    time.sleep(2)
    shares = [share_of_first(one, two, 2) for _ in range(3)]
    scenario.check(0.23 < statistics.median(shares) < 0.43,
                   "of two busy tenants with 250m and 500m the first has a third", str(shares))
    why = scenario.pool.command("sessions", "--why").stdout
    scenario.check("holds the device" in why or "waits for its turn" in why, "`sluice sessions --why` tells who waits", why)
    suspension(scenario, one, two)
    two.end()
    return one


def suspension(scenario, one, two):
    tenant(scenario, "suspend", "one")
    time.sleep(1)  # within which it must hold
    (stopped, running), _ = used_within([one, two], 1)
    scenario.check(stopped == 0 and running > 0, "a suspended tenant gets nothing, and the other goes on",
                   f"{stopped} {running}")
    tenant(scenario, "resume", "one")
    scenario.check(used_within([one], 1)[0][0] > 0, "once resumed, it works again")


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
    ended = scenario.pool.command("sessions", "--ended").stdout
    scenario.check("limits.command_s" in ended, "so is the owner", ended)
    scenario.check(used_within([one], 1)[0][0] > 0, "the tenant that it kept waiting works on")


def without_a_daemon(scenario, one):
    two = Busy(scenario, "two", "--lengths", "2ms")
    scenario.check(all_work([one, two]), "two tenants contend again")
    pids = [session["worker_pid"] for session in scenario.pool.sessions()]
    scenario.pool.kill_daemon()
    before = [processor_ticks(pid) for pid in pids]
    time.sleep(1)
    after = [processor_ticks(pid) for pid in pids]
    scenario.check(all(now > then for then, now in zip(before, after)), "without a daemon both go on", f"{before} {after}")
    scenario.pool.start()
    scenario.check(all_work([one, two]), "the next daemon knows them")
    (first, second), _ = used_within([one, two], 2)
    scenario.check(first > 0 and second > 0, "and both get their turns from it", f"{first} {second}")
    two.end()


# A device that is a processor works in the worker itself.
def processor_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def compiling_costs_the_others_nothing(scenario):
    create(scenario, "compiler")
    create(scenario, "worker")
    steady = scenario.pool.popen([scenario.program("steady"), "600"], tenant="worker", stdout=subprocess.PIPE, text=True)
    scenario.check(steady.stdout.readline() == "ready\n", "a tenant works")

    def launches():
        return next(s["usage"]["launches"] for s in scenario.pool.sessions() if s["tenant"] == "worker")

    compiles = scenario.pool.popen([scenario.program("compiles"), "1500"], tenant="compiler", stdout=subprocess.PIPE, text=True)
    scenario.check(compiles.stdout.readline() == "launching\n", "another launches a kernel that takes long to compile")
    before = launches()
    scenario.check(compiles.stdout.readline() == "ran\n", "it runs in the end")
    during = launches() - before
    scenario.check(during > 1000, "meanwhile the first has gone on", f"{during} launches")
    scenario.check(compiles.wait(60) == 0, "with the right result")
    steady.kill()
    steady.communicate()
    for name in ("compiler", "worker"):
        tenant(scenario, "delete", name, "--force")


def main(scenario):
    calibrate(scenario)
    create(scenario, "one", "--gpu", "250m")
    create(scenario, "two", "--gpu", "500m")
    one = shares_follow_guarantees(scenario)
    a_cap_holds(scenario, one)
    an_endless_kernel(scenario, one)
    compiling_costs_the_others_nothing(scenario)
    without_a_daemon(scenario, one)
    one.end()


run(main, config=f"[limits]\ncommand_s = {COMMAND_S}\n")
