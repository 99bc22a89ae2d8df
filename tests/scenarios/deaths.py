#!/usr/bin/python3
"""kill -9 of program, worker and daemon, at any moment: the program gets an error at once, nothing is left behind, and
nobody else notices. The moments are random, their count is bounded; a seed given as an argument replays them."""

import os
import random
import re
import signal
import subprocess
import time

from pool import wait_until
from scenario import run

ROUNDS = 12


class Bystander:
    """Another tenant's program, which checks every result until end(); it must end well however the others end."""

    def __init__(self, scenario):
        self.child = scenario.pool.popen([scenario.program("steady"), "300", "1"], tenant="bystander",
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.ready = self.child.stdout.readline().strip() == "ready"

    def end(self, scenario, what):
        self.child.send_signal(signal.SIGUSR1)
        out, _ = self.child.communicate(timeout=120)
        scenario.check(self.ready and self.child.returncode == 0,
                       f"{what}: another tenant's program is undisturbed", out)


def session_of(pool, tenant):
    return next((session for session in pool.sessions() if session["tenant"] == tenant), None)


def start_victim(scenario, *argv):
    child = scenario.pool.popen([scenario.program(argv[0]), *argv[1:]], tenant="victim", stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
    return child


def kill_group(child):
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def kill_program(scenario, moments):
    """At any moment of its life, the start included."""
    gone = []
    for _ in range(ROUNDS):
        child = start_victim(scenario, "steady", "30")
        time.sleep(moments.choice([0, 0.003, 0.01, 0.03, 0.1, 0.3]) * moments.random())
        kill_group(child)
        gone.append(wait_until(lambda: session_of(scenario.pool, "victim") is None, 5))
    scenario.check(all(gone), f"program killed {ROUNDS} times: its session ends each time", gone)
    child = start_victim(scenario, "steady", "30")
    child.stdout.readline()
    worker = session_of(scenario.pool, "victim")["worker_pid"]
    kill_group(child)
    killed = time.monotonic()
    gone = wait_until(lambda: not os.path.exists(f"/proc/{worker}"), 5, 0.001)
    scenario.check(gone, f"program killed: its worker is gone after {(time.monotonic() - killed) * 1000:.0f} ms")


def errors_of(text):
    return {name: int(code) for name, code in re.findall(r"^(\w+) error (-?\d+)$", text, re.MULTILINE)}


def expect_errors(scenario, what, child, names, seconds):
    try:
        out, _ = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill_group(child)
        scenario.check(False, f"{what}: the program gets an error and ends", f"it hangs: {child.stdout.read()}")
        return
    errors = errors_of(out)
    scenario.check(all(errors.get(name, 0) < 0 for name in names), f"{what}: every waiting thread gets an error",
                   f"{errors}\n{out}")
    scenario.check(child.returncode == 0, f"{what}: the program lives on to its own end", f"{child.returncode}\n{out}")


def kill_worker(scenario, moments):
    for number in range(ROUNDS // 2):
        wait_until(lambda: session_of(scenario.pool, "victim") is None, 10)  # the one before it has gone
        child = start_victim(scenario, "lost", "ready")
        wait_until(lambda: session_of(scenario.pool, "victim") is not None, 10)
        # Half of them while everything is still being set up, half in full work.
        if number % 2 == 0:
            child.stdout.readline()
        time.sleep(moments.random() * 0.05)
        session = session_of(scenario.pool, "victim")
        os.kill(session["worker_pid"], signal.SIGKILL)
        if number % 2 == 0:
            expect_errors(scenario, f"worker killed, {number}", child, ("finish", "event", "read", "poll"), 10)
            continue
        try:
            child.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            scenario.check(False, f"worker killed early, {number}: the program does not hang")
            kill_group(child)
        scenario.check(child.returncode is not None and child.returncode >= 0,
                       f"worker killed early, {number}: the program does not crash", child.returncode)
    scenario.check(wait_until(lambda: session_of(scenario.pool, "victim") is None, 5), "its session is forgotten")
    again = scenario.pool.run([scenario.program("steady"), "0.2"], 60, tenant="victim")
    scenario.check(again.returncode == 0, "the tenant can come again at once", again.stdout + again.stderr)


def crash_worker(scenario):
    """A kernel that writes far out of bounds takes its own worker down and nobody else's."""
    for number in range(3):
        child = start_victim(scenario, "lost", "crash")
        expect_errors(scenario, f"kernel out of bounds, {number}", child,
                      ("finish", "event", "read", "poll", "wild"), 30)


def kill_daemon(scenario, moments):
    """Programs go on computing; a new daemon finds their sessions again; who attaches meanwhile is told."""
    pool = scenario.pool
    bystander = Bystander(scenario)
    before = session_of(pool, "bystander")
    for number in range(4):
        time.sleep(moments.random() * 0.3)
        pool.kill_daemon()
        meanwhile = pool.run([scenario.program("steady"), "0.1"], 30)
        scenario.check(meanwhile.returncode == 69, f"daemon killed, {number}: `sluice run` says that there is none",
                       f"{meanwhile.returncode}\n{meanwhile.stderr}")
        time.sleep(moments.random() * 0.3)
        pool.start()
        found = wait_until(lambda: session_of(pool, "bystander") is not None, 5)
        after = session_of(pool, "bystander")
        scenario.check(found and after["id"] == before["id"] and after["worker_pid"] == before["worker_pid"],
                       f"daemon killed, {number}: the new one finds the session again", f"{before}\n{after}")
    used = session_of(pool, "bystander")["usage"]
    scenario.check(used["launches"] > before["usage"]["launches"], "what it used is still counted",
                   f"{before['usage']}\n{used}")
    fresh = pool.run([scenario.program("steady"), "0.2"], 60)
    scenario.check(fresh.returncode == 0, "new programs are let in", fresh.stdout + fresh.stderr)
    bystander.end(scenario, "daemon killed")


def hand_over(scenario):
    """What `systemctl restart` does: the daemon leaves its sessions to the next one, and nothing is lost of what was charged."""
    pool = scenario.pool
    bystander = Bystander(scenario)
    before = session_of(pool, "bystander")
    pool.daemon.send_signal(signal.SIGUSR1)
    scenario.check(pool.daemon.wait(10) == 0, "daemon told to hand over: it exits well", pool.log())
    pool.start()
    wait_until(lambda: session_of(pool, "bystander") is not None, 5)
    after = session_of(pool, "bystander")
    scenario.check(after is not None and after["worker_pid"] == before["worker_pid"]
                   and after["usage"]["charged_ns"] >= before["usage"]["charged_ns"],
                   "daemon told to hand over: the next one goes on with its session", f"{before}\n{after}")
    launched = wait_until(lambda: session_of(pool, "bystander")["usage"]["launches"] > after["usage"]["launches"], 10, 0.05)
    scenario.check(launched, "and counts what it launches", session_of(pool, "bystander"))
    bystander.end(scenario, "daemon told to hand over")


def kill_daemon_and_rest(scenario):
    """Daemon and program die in the same moment: the orphaned worker must not stay."""
    pool = scenario.pool
    child = start_victim(scenario, "steady", "30")
    child.stdout.readline()
    worker = session_of(pool, "victim")["worker_pid"]
    pool.kill_daemon()
    kill_group(child)
    scenario.check(wait_until(lambda: not os.path.exists(f"/proc/{worker}"), 5),
                   "daemon and program killed: the worker ends")
    pool.start()
    scenario.check(wait_until(pool.idle, 10, 0.05),
                   "daemon and program killed: the new daemon starts with nothing taken", pool.status())


def endless_kernel(scenario):
    """A kernel that never ends goes with its program, and does not keep the daemon from stopping."""
    pool = scenario.pool
    child = start_victim(scenario, "endless")
    child.stdout.readline()
    worker = session_of(pool, "victim")["worker_pid"]
    kill_group(child)
    scenario.check(wait_until(lambda: not os.path.exists(f"/proc/{worker}"), 5),
                   "an endless kernel ends with its program")
    child = start_victim(scenario, "endless")
    child.stdout.readline()
    pool.stop()
    scenario.check(not pool.leftovers, "the daemon stops while a kernel runs without end", pool.leftovers)
    expect_errors(scenario, "daemon stopped", child, (), 10)
    pool.start()


def main(scenario):
    seed = int(scenario.arguments[0]) if scenario.arguments else random.randrange(1 << 30)
    scenario.note(f"seed {seed}")
    moments = random.Random(seed)
    bystander = Bystander(scenario)
    kill_program(scenario, moments)
    kill_worker(scenario, moments)
    crash_worker(scenario)
    bystander.end(scenario, "programs and workers killed")
    scenario.check_clean(scenario.pool)
    kill_daemon(scenario, moments)
    hand_over(scenario)
    kill_daemon_and_rest(scenario)
    endless_kernel(scenario)


if __name__ == "__main__":
    run(main)
