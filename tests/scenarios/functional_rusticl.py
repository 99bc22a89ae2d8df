#!/usr/bin/python3
"""Every test that Mesa's rusticl passes natively must pass in the pool, and the device time of its commands is counted.

The driver aborts and hangs in some tests, natively as well. A test that does not pass together with the others is run
again alone, in a session of its own; one that does not pass there either is then run natively, alone too.
"""

import functional
from scenario import run


def alone(side, program, number, name, work):
    """The verdict line of one test in a process of its own."""
    ended = side.run([program, name, str(number)], 120, cwd=work)
    lines = [line for line in ended.stdout.splitlines() if line.startswith(("ok ", "FAIL ", "skip "))]
    return lines[0] if lines else f"FAIL {name}: the program ended with {ended.returncode} {ended.stderr[-300:]}"


def check_device_time(scenario):
    usages = [session["usage"] for session in scenario.pool.ask("sessions", "--ended")["sessions"]]
    launching = [usage for usage in usages if usage["launches"] > 0]
    scenario.check(launching and all(usage["device_ns"] > usage["launches"] * 1000 for usage in launching),
                   "the device time of launches is counted", launching)


def main(scenario):
    program = scenario.program("functional")
    together = functional.results(scenario.pool, program, scenario.work)
    numbers = {name: number for number, name in enumerate(together)}
    left = {name for name, (verdict, _) in together.items() if verdict != "ok"}
    pooled = {name: alone(scenario.pool, program, numbers[name], name, scenario.work) for name in left}
    worse = []
    for name, line in pooled.items():
        if line.startswith("ok "):
            continue
        native = alone(scenario.native, program, numbers[name], name, scenario.work)
        if native.startswith("ok "):
            worse.append(line)
        else:
            scenario.note(f"  as little as natively: {line}")
    passed = len(together) - sum(not line.startswith("ok ") for line in pooled.values())
    scenario.check(passed > 150, f"{passed} of {len(together)} tests pass in the pool")
    scenario.check(not worse, "passes whatever passes natively", "\n".join(worse))
    check_device_time(scenario)


if __name__ == "__main__":
    run(main, make="rusticl")
