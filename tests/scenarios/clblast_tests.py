#!/usr/bin/python3
"""CLBlast's own tests (package clblast-tests), which compare its routines with the processor's BLAS: those that need
little compiling. All of them: clblast_tests_all.py."""

import os
import re

from scenario import run

ROUTINES = ["xamax", "xaxpy", "xdotc", "xger"]
GOOD = (":", ".")  # the right results; the right error code


def verdicts(text):
    """{place: mark}: a test program prints one mark a test, in lines below titles."""
    found, routine, title = {}, "", ""
    for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines():
        if started := re.match(r"\* Starting tests for the '(\w+)' routine", line):
            routine = started[1]
        elif re.match(r"\* Testing '", line):
            title = line[len("* Testing "):].rstrip(":")
        elif re.fullmatch(r"   [:.X/\\o-]+", line):
            for mark in line.strip():
                found[f"{routine}, {title}, {len(found)}"] = mark
    return found


def test(scenario, name):
    """Runs one test program on both sides, and compares mark by mark."""
    native, pooled = (side.run([f"clblast_test_{name}"], 3000, cwd=scenario.work)
                      for side in (scenario.native, scenario.pool))
    scenario.no_worse(f"clblast_test_{name}", verdicts(native.stdout), verdicts(pooled.stdout), GOOD)
    scenario.check(native.returncode != 0 or pooled.returncode == 0, f"clblast_test_{name}: the same end",
                   f"natively {native.returncode}, in the pool {pooled.returncode}\n{pooled.stderr}")


def main(scenario):
    for name in ROUTINES:
        test(scenario, name)


if __name__ == "__main__":
    run(main)
