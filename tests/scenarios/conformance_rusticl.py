#!/usr/bin/python3
"""Everything that Mesa's rusticl passes natively must pass in the pool, and the device time of its commands is counted.

The driver aborts and hangs in some tests, natively as well. A test that does not pass together with the others is run
again alone, in a session of its own; one that does not pass there either is then run natively, alone too.
"""

from conformance import results, test_of
from scenario import run


def check_device_time(scenario):
    usages = [session["usage"] for session in scenario.pool.ended_sessions()]
    launching = [usage for usage in usages if usage["launches"] > 0]
    scenario.check(launching and all(usage["device_ns"] > usage["launches"] * 1000 for usage in launching),
                   "the device time of launches is counted", launching)


def failures(found):
    return {what: line for what, (verdict, line) in found.items() if verdict == "FAIL"}


def main(scenario):
    program = scenario.program("conformance")
    together = results(scenario.pool, program, scenario.work)
    worse, as_natively = [], []
    for test in sorted({test_of(what) for what in failures(together)}):
        failed = failures(results(scenario.pool, program, scenario.work, test))
        native = results(scenario.native, program, scenario.work, test) if failed else {}
        for what, line in failed.items():
            (worse if native.get(what, ("",))[0] == "ok" else as_natively).append(line)
    for line in as_natively:
        scenario.note(f"  not here, nor natively: {line}")
    passed = sum(verdict == "ok" for verdict, _ in together.values())
    scenario.check(passed > 500, f"{passed} of {len(together)} checks pass in the pool")
    scenario.check(not worse, "passes whatever passes natively", "\n".join(worse))
    check_device_time(scenario)


if __name__ == "__main__":
    run(main, make="rusticl")
