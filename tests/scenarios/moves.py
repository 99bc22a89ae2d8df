#!/usr/bin/python3
"""Sessions move between devices while their programs run, and the programs notice nothing: one that checks every value,
and the conformance suite. Then kill -9 of source, target, daemon and program at random moments of moves: the session is on
exactly one side afterwards, or cleanly ended. `--kills N`, `--seed N`, `--all` for all chapters of the suite."""

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import threading
import time

import conformance
from pool import wait_until
from scenario import run

CARDS = '[[device]]\nname = "pthread*"\ncards = 2\n'
SOME = ("event:", "map:", "svm:", "queue:", "5.12", "program:")


class Tenant:
    """A side of the pool on which every program is one tenant's."""

    def __init__(self, pool, name):
        self.pool, self.name = pool, name

    def __getattr__(self, what):
        return getattr(self.pool, what)

    def run(self, argv, seconds=300, **options):
        return self.pool.run(argv, seconds, tenant=self.name, **options)


class Mover:
    """Moves every session of a tenant to and fro, for as long as the `with` lasts."""

    def __init__(self, pool, tenant, pause_s=0.0):
        self.pool, self.tenant, self.pause_s = pool, tenant, pause_s
        self.moved, self.refused = [], []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def work(self):
        while not self.ending.is_set():
            session = next((s for s in self.pool.sessions() if s["tenant"] == self.tenant), None)
            if session is None:
                time.sleep(0.002)
                continue
            ended = self.pool.command("session", "move", str(session["id"]), "--to", str(1 - session["device"]), "--json")
            if ended.returncode == 0:
                self.moved.append(ended.stdout)
            else:
                self.refused.append((ended.stdout + ended.stderr).strip())
            self.ending.wait(self.pause_s)


def unbroken(scenario):
    with Mover(scenario.pool, "mover") as mover:
        ended = scenario.pool.run([scenario.program("unbroken"), "8", "4", "16", "6"], tenant="mover")
    scenario.check(ended.returncode == 0, "a program that checks every value computes on while it moves",
                   ended.stdout + ended.stderr)
    scenario.check(len(mover.moved) >= 5, f"it moved {len(mover.moved)} times", "\n".join(mover.refused))
    gaps = [int(gap) for gap in re.findall(r"gap_us (\d+)", ended.stdout)]
    scenario.note(f"its longest pauses: {[f'{gap / 1e3:.1f} ms' for gap in gaps[:5]]}")


def suite(scenario, chosen):
    """What passes natively passes on the move."""
    native, pooled = {}, {}
    for chapter in chosen:
        native.update(conformance.results(scenario.native, scenario.program("conformance"), scenario.work, chapter))
    side = Tenant(scenario.pool, "suite")
    with Mover(scenario.pool, "suite") as mover:
        for chapter in chosen:
            pooled.update(conformance.results(side, scenario.program("conformance"), scenario.work, chapter))
    worse = [pooled.get(what, ("", f"{what} -- did not run"))[1] for what, (verdict, _) in native.items()
             if verdict == "ok" and pooled.get(what, ("",))[0] not in ("ok", "skip")]
    passed = sum(verdict == "ok" for verdict, _ in pooled.values())
    scenario.check(not worse, f"the conformance suite passes on the move ({passed} tests, {len(mover.moved)} moves)",
                   "\n".join(worse + mover.refused[:5]))
    scenario.check(mover.moved, "the suite's sessions moved", "\n".join(mover.refused[:10]))


class Killed:
    """One program that is moved, and a SIGKILL at some moment of the move."""

    def __init__(self, scenario, moments):
        self.scenario, self.pool, self.moments = scenario, scenario.pool, moments
        self.child = self.pool.popen([scenario.program("steady"), "60"], tenant="victim", stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True)
        self.ready = self.child.stdout.readline().strip() == "ready"

    def session(self):
        return next((s for s in self.pool.sessions() if s["tenant"] == "victim"), None)

    def run(self, who):
        session = self.session()
        target = 1 - session["device"]
        command = subprocess.Popen(
            [os.path.join(self.pool.build, "bin", "sluice"), "session", "move", str(session["id"]), "--to", str(target),
             "--runtime-dir", self.pool.runtime], env=self.pool.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        time.sleep(self.moments.random() * 0.06)
        self.kill(who, session)
        command.wait(timeout=60)
        return self.verdict(who)

    def kill(self, who, session):
        if who == "daemon":
            self.pool.kill_daemon()
            time.sleep(self.moments.random() * 0.05)
            self.pool.start()
        elif who == "program":
            os.killpg(self.child.pid, signal.SIGKILL)
        else:  # the worker that the session is on at this moment: the source, or the target after the commit
            with contextlib.suppress(ProcessLookupError):
                os.kill(session["worker_pid"], signal.SIGKILL)

    def verdict(self, who):
        """Nothing: as it must be."""
        def settled():
            sessions = [s for s in self.pool.sessions() if s["tenant"] == "victim"]
            return len(sessions) == (0 if self.child.poll() is not None else 1)
        if not wait_until(settled, 10, 0.05):
            return f"{who}: the program {'ended' if self.child.poll() is not None else 'runs'}, sessions {self.pool.sessions()}"
        if self.child.poll() is None:
            return self.goes_on(who)
        return None if who in ("program", "worker") else f"{who}: the program ended: {self.child.stdout.read()}"

    def goes_on(self, who):
        before = self.session()
        if not wait_until(lambda: (self.session() or before)["usage"]["launches"] > before["usage"]["launches"], 10, 0.05):
            return f"{who}: the program computes nothing more"
        return None

    def end(self):
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        wait_until(lambda: self.session() is None, 10, 0.02)


def kills(scenario, count, seed):
    moments = random.Random(seed)
    wrong, outcomes = [], 0
    for i in range(count):
        victim = Killed(scenario, moments)
        if not victim.ready or not wait_until(lambda: victim.session() is not None, 5):
            wrong.append(f"round {i}: no session")
            continue
        said = victim.run(("worker", "daemon", "program")[i % 3])
        outcomes += 1
        if said:
            wrong.append(f"round {i}: {said}")
        victim.end()
    scenario.check(outcomes and not wrong, f"{outcomes} kills at moments of moves (--seed {seed}): one side, or ended",
                   "\n".join(wrong))


def main(scenario):
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--all", action="store_true")
    chosen = parser.parse_args(scenario.arguments)
    unbroken(scenario)
    suite(scenario, [""] if chosen.all else SOME)
    kills(scenario, chosen.kills, chosen.seed)


if __name__ == "__main__":
    run(main, config=CARDS)
