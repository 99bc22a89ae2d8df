#!/usr/bin/python3
"""Every test that the driver passes natively must pass in the pool: on a device whose buffers live in the shared arena,
and on one that is treated as having memory of its own."""

from scenario import run


def results(side, program, work):
    """{test: (verdict, line)}. A test that crashes or hangs the program is a failure, and the next one goes on."""
    found, first = {}, 0
    while True:
        ended = side.run([program, "", str(first)], 300, cwd=work)
        current = None
        for line in ended.stdout.splitlines():
            if line.startswith("test "):
                number, current = line[5:].split(" ", 1)
                first = int(number) + 1
            elif current and line.startswith(("ok ", "FAIL ", "skip ")):
                found[current] = (line.split(" ", 1)[0], line)
                current = None
        if current:
            how = f"the program ended with {ended.returncode} {ended.stderr[-300:]}"
            found[current] = ("FAIL", f"FAIL {current}: {how}")
        if ended.stdout.rstrip().endswith("end") or not ended.stdout.startswith("test "):
            return found


def compare(scenario, native, side, title, absent=None):
    """absent: the words with which tests are skipped that need what this device has not."""
    program = scenario.program("functional")
    pooled = results(side, program, scenario.work)
    worse = [pooled.get(name, ("", f"{name}: did not run"))[1] for name, (verdict, _) in native.items()
             if verdict == "ok" and pooled.get(name, ("", ""))[0] != "ok"
             and not (absent and pooled.get(name, ("", ""))[1].endswith(absent))]
    passed = sum(verdict == "ok" for verdict, _ in pooled.values())
    scenario.note(f"{title}: {passed} pass, {len(pooled) - passed} do not")
    for _, line in pooled.values():
        if not line.startswith("ok ") and line not in worse:
            scenario.note(f"  as little as natively: {line}")
    scenario.check(not worse, f"{title}: passes whatever passes natively", "\n".join(worse))


def main(scenario):
    native = results(scenario.native, scenario.program("functional"), scenario.work)
    passed = sum(verdict == "ok" for verdict, _ in native.values())
    scenario.check(passed > 150, f"natively {passed} of {len(native)} tests pass")
    compare(scenario, native, scenario.pool, "buffers in the arena")
    with scenario.new_pool(device_environment={"SLUICE_STAGED_MEMORY": "1"}) as staged:
        compare(scenario, native, staged, "memory of the device's own", "the device does not share memory in this way")
        scenario.check_clean(staged)
    scenario.check_left(staged)


if __name__ == "__main__":
    run(main)
