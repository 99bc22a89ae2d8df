#!/usr/bin/python3
"""piglit's OpenCL tests (package piglit): whatever passes natively must pass in the pool. Arguments are the beginnings
of the names of those to run, such as api@. Takes an hour on two cores, nearly all of it PoCL's compiling."""

import bz2
import json
import os

from scenario import run


def verdicts(folder):
    """{test or part of a test: verdict} of a run's results."""
    with bz2.open(os.path.join(folder, "results.json.bz2"), "rt", encoding="utf-8") as file:
        tests = json.load(file)["tests"]
    found = {}
    for name, test in tests.items():
        found[name] = test["result"]
        found.update({f"{name}: {part}": verdict for part, verdict in test.get("subtests", {}).items()
                      if part != "__type__"})
    return found


def main(scenario):
    line = ["piglit", "run", "cl"]
    for name in scenario.arguments:
        line += ["-t", f"^{name}"]
    tables = []
    for side in (scenario.native, scenario.pool):
        folder = os.path.join(scenario.work, side.name)
        ended = side.run([*line, folder], 6000, cwd=scenario.work)
        if not scenario.check(ended.returncode == 0, f"piglit runs in {side.name}", ended.stderr):
            return
        tables.append(verdicts(folder))
    scenario.no_worse("piglit", *tables, ("pass",), ("skip",))


if __name__ == "__main__":
    run(main)
