#!/usr/bin/python3
"""A tenant that writes rubbish to the pool's socket, into its ring and over everything that is shared: its sessions end
with a reason in the log, and nobody else notices."""

import signal
import subprocess
import time

from scenario import run

SEEDS = 8


class Outsider:
    """`hostile` is no OpenCL program: it runs beside `sluice run`, knowing the socket's place alone."""

    def __init__(self, scenario):
        self.scenario = scenario

    def attack(self, mode, seed=1, seconds=60):
        return self.scenario.native.run([self.scenario.program("hostile"), mode, str(seed)], seconds,
                                        environment={"SLUICE_SOCKET": self.scenario.pool.socket})

    def begin(self, mode):
        return self.scenario.native.popen([self.scenario.program("hostile"), mode], stdout=subprocess.PIPE, text=True,
                                          environment={"SLUICE_SOCKET": self.scenario.pool.socket})


def main(scenario):
    pool, outsider = scenario.pool, Outsider(scenario)
    bystander = pool.popen([scenario.program("steady"), "300", "1"], tenant="bystander", stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    bystander.stdout.readline()
    daemon = pool.daemon.pid

    hello = outsider.attack("hello")
    scenario.check(hello.returncode == 0, "nonsense as a first message is survived", hello.stdout + hello.stderr)
    for mode, fate in (("garbage", "ended"), ("positions", "ended"), ("frames", None), ("scribble", None),
                       ("flood", None)):
        seeds = 2 if mode == "flood" else SEEDS
        verdicts = [outsider.attack(mode, seed) for seed in range(1, seeds + 1)]
        words = [ended.stdout.strip() for ended in verdicts]
        scenario.check(all(ended.returncode == 0 for ended in verdicts), f"{mode}: every attack is over in time", words)
        if fate:
            scenario.check(all(word == f"{mode}: {fate}" for word in words), f"{mode}: its session is {fate} each time",
                           words)
        else:
            scenario.note(f"{mode}: {', '.join(words)}")

    slow = outsider.begin("slow")
    slow.stdout.readline()
    started = time.monotonic()
    meanwhile = pool.run([scenario.program("steady"), "0.1"], 30)
    took_s = time.monotonic() - started
    scenario.check(meanwhile.returncode == 0 and slow.poll() is None,
                   f"beside 50 connections that say nothing others are served ({took_s:.1f} s)",
                   meanwhile.stdout + meanwhile.stderr)
    out, _ = slow.communicate(timeout=60)
    scenario.check("all were closed" in out, "and are closed after a while", out)

    bystander.send_signal(signal.SIGUSR1)  # enough
    out, _ = bystander.communicate(timeout=60)
    scenario.check(bystander.returncode == 0, "another tenant's program computed through all of it", out)
    scenario.check(pool.daemon.poll() is None and pool.status()["pid"] == daemon, "the daemon is the same")
    scenario.check("mallory" in pool.log(), "the log names the tenant whose sessions were ended")


if __name__ == "__main__":
    run(main)
