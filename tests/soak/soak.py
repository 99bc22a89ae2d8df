#!/usr/bin/python3
"""Keeps a pool busy for long: programs come, compute, are killed, lose their workers and now and then their daemon.
Every result is checked, and so is what the daemon holds in the end: neither memory, nor descriptors, nor sessions.

    tests/soak/soak.py [--minutes 10] [--seed N] [--build FOLDER]

Ends with 1 at the first thing that is not as it must be. The same seed makes the same choices.
"""

import argparse
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenarios"))
from pool import Pool, find_build, wait_until  # noqa: E402  (its folder is known only now)

PROGRAMS_MAX = 3
REPORT_S = 30
DAEMON_GROWTH_BYTES_MAX = 16 << 20
PROGRAM_S_MAX = 180


class Soak:
    def __init__(self, pool, seed):
        self.pool = pool
        self.random = random.Random(seed)
        self.running = {}  # Popen -> (what, when it must have ended, whether it is to be harmed)
        self.counts = {"ended": 0, "killed": 0, "workers killed": 0, "daemons killed": 0}

    def program(self, name):
        return os.path.join(self.pool.build, "programs", name)

    def start_program(self):
        seconds = self.random.choice([0, 1, 5, 20])
        argv = self.random.choice([[self.program("steady"), str(seconds)],
                                   [self.program("steady"), str(seconds), "20"],
                                   [self.program("conformance")],
                                   ["clinfo", "--raw"]])
        tenant = self.random.choice(["alice", "bob", "carol"])
        child = self.pool.popen(argv, tenant=tenant, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.running[child] = [f"{tenant}'s {' '.join(argv)}", time.monotonic() + PROGRAM_S_MAX, False]

    def harm(self):
        """Something dies that nobody expected to."""
        if not self.running:
            return
        choice = self.random.random()
        if choice < 0.6:
            child = self.random.choice(list(self.running))
            self.running[child][2] = True
            os.killpg(child.pid, signal.SIGKILL)
            self.counts["killed"] += 1
        elif choice < 0.95:
            self.kill_worker()
        else:
            self.kill_daemon()

    def kill_daemon(self):
        """Who is in goes on; who is just coming in is turned away."""
        inside = {session["pid"] for session in self.pool.sessions()}
        for child, state in self.running.items():
            state[2] = state[2] or child.pid not in inside
        self.pool.kill_daemon()
        self.pool.start()
        self.counts["daemons killed"] += 1

    def kill_worker(self):
        sessions = self.pool.sessions()
        if not sessions:
            return
        session = self.random.choice(sessions)
        for child, state in self.running.items():
            if child.pid == session["pid"]:
                state[2] = True
        for pid in workers_of(self.pool, session["id"]):
            os.kill(pid, signal.SIGKILL)
            self.counts["workers killed"] += 1

    def reap(self):
        for child, (what, end, harmed) in list(self.running.items()):
            if child.poll() is None:
                if time.monotonic() > end:
                    os.killpg(child.pid, signal.SIGKILL)
                    raise AssertionError(f"{what} did not end within {PROGRAM_S_MAX} s")
                continue
            del self.running[child]
            self.counts["ended"] += 1
            errors = child.stderr.read()
            child.stderr.close()
            if child.returncode != 0 and not harmed:
                raise AssertionError(f"{what} ended with {child.returncode}:\n{errors}")

    def report(self):
        counts = ", ".join(f"{value} {name}" for name, value in self.counts.items())
        print(f"{counts}; daemon: {resident_bytes(self.pool.daemon.pid) >> 10} KiB, "
              f"{descriptors(self.pool.daemon.pid)} descriptors", flush=True)


def workers_of(pool, session_id):
    """The pid of the worker that serves a session, as `sluice sessions --json` says it."""
    return [session["worker_pid"] for session in pool.sessions() if session["id"] == session_id]


def resident_bytes(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def warm_up(soak):
    """One program alone, so that what is made once is made before anything is compared."""
    ended = soak.pool.run([soak.program("conformance")], 300)
    assert ended.returncode == 0, f"conformance ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
    assert wait_until(soak.pool.idle, 10, 0.05), soak.pool.status()


def soak_for(soak, seconds):
    end = time.monotonic() + seconds
    next_report = time.monotonic() + REPORT_S
    while time.monotonic() < end:
        while len(soak.running) < PROGRAMS_MAX:
            soak.start_program()
        time.sleep(soak.random.uniform(0.05, 1.5))
        if soak.random.random() < 0.2:
            soak.harm()
        soak.reap()
        if time.monotonic() > next_report:
            soak.report()
            next_report += REPORT_S
    while soak.running:
        time.sleep(0.1)
        soak.reap()


def check_end(soak, before):
    assert wait_until(soak.pool.idle, 10, 0.05), f"the pool is not idle: {soak.pool.status()}"
    if soak.counts["daemons killed"] > 0:
        return  # another daemon than the one that was measured before
    after = (resident_bytes(soak.pool.daemon.pid), descriptors(soak.pool.daemon.pid))
    assert after[0] - before[0] <= DAEMON_GROWTH_BYTES_MAX, f"the daemon grew from {before[0]} to {after[0]} bytes"
    assert after[1] <= before[1], f"the daemon holds {after[1]} descriptors, not {before[1]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--build")
    options = parser.parse_args()
    print(f"soak: {options.minutes} minutes, seed {options.seed}", flush=True)
    with Pool(find_build(options.build), ready=3) as pool:
        soak = Soak(pool, options.seed)
        try:
            warm_up(soak)
            before = (resident_bytes(pool.daemon.pid), descriptors(pool.daemon.pid))
            soak_for(soak, options.minutes * 60)
            soak.report()
            check_end(soak, before)
        except AssertionError as broken:
            print(f"soak: FAILED with seed {options.seed}: {broken}\n--- the daemon's last words\n{pool.log()[-3000:]}")
            return 1
        finally:
            for child in soak.running:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
    if pool.leftovers:
        print("soak: FAILED, left behind: " + ", ".join(pool.leftovers))
        return 1
    print("soak: all as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
