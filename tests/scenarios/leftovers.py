#!/usr/bin/python3
"""Of what one tenant has written nothing is there for another to read: neither while the first lives nor when it has
ended, in fresh buffers, images and local memory."""

import re
import subprocess

from scenario import run

LIMIT = 256 << 20
LINE = re.compile(r"(.*): (\d+) words, (\d+) of the pattern, (\d+) not zero")


def look(scenario, when, tenant):
    ended = scenario.pool.run([scenario.program("leftovers"), "look"], tenant=tenant, memory=LIMIT)
    seen = {kind: tuple(map(int, counts)) for kind, *counts in LINE.findall(ended.stdout)}
    scenario.check(ended.returncode == 0 and set(seen) == {"local memory", "images", "buffers"},
                   f"a tenant looks at fresh memory {when}", ended.stdout + ended.stderr)
    for kind, (words, of_pattern, not_zero) in seen.items():
        scenario.check(words > 0 and of_pattern == 0, f"{kind}: nothing of another tenant {when}", seen)
        # Local memory may hold what the driver has put there for this very launch.
        if kind != "local memory":
            scenario.check(not_zero == 0, f"{kind}: zero {when}", seen)


def main(scenario):
    both = scenario.native.run([scenario.program("leftovers"), "both"])
    control = {kind: int(of_pattern) for kind, _, of_pattern, _ in LINE.findall(both.stdout)}
    scenario.check(control.get("local memory", 0) > 0, "natively, within one process, the look finds what was filled",
                   both.stdout + both.stderr)
    filler = scenario.pool.popen([scenario.program("leftovers"), "fill"], tenant="filler", memory=LIMIT,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    filled = filler.stdout.readline()
    scenario.check(filled.startswith("filled") and int(filled.split()[1]) > 50, "a tenant fills all its memory", filled)
    look(scenario, "while the other holds it", "onlooker")
    filler.stdin.write("\n")
    filler.stdin.close()
    scenario.check(filler.wait(60) == 0, "the first ends")
    look(scenario, "when the other has given it back", "onlooker")
    look(scenario, "in the other's place", "filler")
    killed = scenario.pool.popen([scenario.program("leftovers"), "fill"], tenant="filler", memory=LIMIT,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    scenario.check(killed.stdout.readline().startswith("filled"), "it fills all again")
    killed.kill()
    killed.wait()
    look(scenario, "when the other was killed", "onlooker")


run(main)
