#!/usr/bin/python3
"""Programs with much of one thing: a queue for each of many threads, a pool of worker processes, hundreds of contexts.

Natively a child of a process that has used PoCL has none of its threads, and may hang. So what a pool's forked workers
print is compared with what natively workers print that start as programs of their own."""

import os
import re

from scenario import run

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


def workers(scenario):
    line = [PYTHON, os.path.join(HERE, "many_workers.py")]
    scenario.same("workers are forked first, OpenCL is used afterwards", [*line, "fork", "last"])
    ended = scenario.same("workers that are started anew", [*line, "spawn", "first"])
    scenario.check(ended.stdout.count(" right") == 26 and "processes: True" in ended.stdout,
                   "workers: 26 right results", ended.stdout)
    forked = scenario.pool.run([*line, "fork", "first"], 120)
    scenario.check(forked.returncode == 0 and forked.stdout == ended.stdout,
                   "workers are forked by a process that uses OpenCL: the same",
                   f"{forked.returncode}\n{forked.stdout}\n{forked.stderr}")


def contexts(scenario):
    ended = scenario.same("240 contexts", [PYTHON, os.path.join(HERE, "many_contexts.py")])
    scenario.check("240 contexts, 0 wrong" in ended.stdout, "contexts: all results are right", ended.stdout)
    held = re.search(r"descriptors (\d+) (\d+) threads (\d+) (\d+)", ended.stderr)
    scenario.check(held and int(held[2]) <= int(held[1]) and int(held[4]) <= int(held[3]),
                   "contexts: no descriptor and no thread is left of them", ended.stderr)


def main(scenario):
    for mode, title in (("one", "one context"), ("each", "each builds its program"), ("own", "each its context")):
        scenario.same(f"32 threads, {title}", [scenario.program("threads"), mode])
    workers(scenario)
    contexts(scenario)


if __name__ == "__main__":
    run(main)
