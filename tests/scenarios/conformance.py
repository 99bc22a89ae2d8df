#!/usr/bin/python3
"""Everything that the driver passes natively must pass in the pool: on a device whose buffers live in the shared arena,
and on one that is treated as having memory of its own. Arguments name chapters ("svm:"); without any, all are run."""

import os
import shlex

from scenario import run

RUN_S_MAX = 1400  # far more than the suite takes; each test of it has a deadline of its own


def looking_at_hangs(side, work):
    """The environment that has a test which hangs in a pool tell of all who had a part in it, in the file "hang"."""
    if not hasattr(side, "runtime"):
        return {}
    look = [os.path.join(os.path.dirname(__file__), "at_hang.py"), side.runtime, os.path.join(side.build, "bin", "sluice"),
            os.path.join(work, "hang")]
    return {"CONFORMANCE_AT_HANG": shlex.join(look)}


def note_hangs(scenario):
    path = os.path.join(scenario.work, "hang")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            scenario.note(file.read())


def results(side, program, work, chosen=""):
    """{what: (verdict, line)} of the tests whose names hold `chosen`. A test that crashes or hangs the program is a failure, and the next one goes on."""
    found, first = {}, 0
    while True:
        ended = side.run([program, chosen, str(first)], RUN_S_MAX, cwd=work, environment=looking_at_hangs(side, work))
        current = None
        for line in ended.stdout.splitlines():
            verdict, _, rest = line.partition(" ")
            if verdict == "test":
                number, current = rest.split(" ", 1)
                first = int(number) + 1
            elif current and verdict in ("ok", "FAIL", "skip"):
                what = rest.split(" -- ", 1)[0]
                if found.get(what, ("ok",))[0] == "ok":  # what is checked many times is as good as its worst
                    found[what] = (verdict, line)
                if what == current:
                    current = None
        if current:
            how = f"the program ended with {ended.returncode} {ended.stderr[-300:]}"
            found[current] = ("FAIL", f"FAIL {current} -- {how}")
        if ended.stdout.rstrip().endswith("end") or not ended.stdout.startswith("test "):
            return found


def chapters(side, scenario):
    """The results of the chapters that the scenario was asked for."""
    found = {}
    for chosen in scenario.arguments or [""]:
        found.update(results(side, scenario.program("conformance"), scenario.work, chosen))
    return found


def test_of(what):
    """The test that a line belongs to: its own, or the one whose row it is."""
    return what.split(" | ", 1)[0]


def compare(scenario, native, side, title):
    pooled = chapters(side, scenario)
    # A test asks the device first whether it has what is tested. The pool's need not have all that the driver's has.
    not_offered = {what for what, (verdict, _) in pooled.items() if verdict == "skip"}
    worse = [pooled.get(what, ("", f"{what} -- did not run"))[1] for what, (verdict, _) in native.items()
             if verdict == "ok" and pooled.get(what, ("",))[0] != "ok" and test_of(what) not in not_offered]
    passed = sum(verdict == "ok" for verdict, _ in pooled.values())
    scenario.note(f"{title}: {passed} pass, {len(pooled) - passed} do not")
    for _, line in pooled.values():
        if not line.startswith("ok ") and line not in worse:
            scenario.note(f"  not here, nor natively or not offered: {line}")
    scenario.check(not worse, f"{title}: passes whatever passes natively", "\n".join(worse))


def main(scenario):
    native = chapters(scenario.native, scenario)
    passed = sum(verdict == "ok" for verdict, _ in native.values())
    scenario.check(passed > (0 if scenario.arguments else 1000), f"natively {passed} of {len(native)} checks pass")
    compare(scenario, native, scenario.pool, "buffers in the arena")
    with scenario.new_pool(device_environment={"SLUICE_STAGED_MEMORY": "1"}) as staged:
        compare(scenario, native, staged, "memory of the device's own")
        scenario.check_clean(staged)
    scenario.check_left(staged)
    note_hangs(scenario)


if __name__ == "__main__":
    run(main)
