#!/usr/bin/python3
"""pyopencl: its element-wise, reduction, scan, sort and random-number classes, the examples of its documentation, and
the part of its own test suite that needs little compiling."""

import os
import re
import shutil

from scenario import run

EXAMPLES = "/usr/share/doc/python-pyopencl-doc/examples"
DEMOS = ["demo.py", "demo_array.py", "demo_elementwise.py", "demo_elementwise_complex.py", "demo-struct-reduce.py",
         "demo_meta_template.py", "narray.py"]
SUITES = {"test_enqueue_copy.py": "", "test_wrapper.py": "", "test_clrandom.py": "Philox and not dtype2"}


def verdicts(text):
    """{test: verdict} of pytest -v, without the names of devices and platforms."""
    found = re.findall(r"^(test_\w+\.py::\w+)(?:\[(.*)\])? (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)", text,
                       re.MULTILINE)
    names = re.compile("<context factory.*?>>|<pyopencl[.]Platform.*?>")
    return {f"{name}[{names.sub('', parameters)}]": verdict for name, parameters, verdict in found}


def suite(scenario, folder, name, selection):
    line = ["/usr/bin/python3", "-m", "pytest", "-v", "-p", "no:cacheprovider", "--color=no", name]
    line += ["-k", selection] if selection else []
    native, pooled = (verdicts(side.run(line, 540, cwd=folder).stdout) for side in (scenario.native, scenario.pool))
    passed = [test for test, verdict in native.items() if verdict == "PASSED"]
    worse = [f"{test}: {pooled.get(test)}" for test in passed if pooled.get(test) not in ("PASSED", "SKIPPED")]
    skipped = [test for test in passed if pooled.get(test) == "SKIPPED"]
    scenario.check(passed, f"{name}: {len(passed)} of {len(native)} tests pass natively", native)
    scenario.check(not worse, f"{name}: the same tests pass in the pool", "\n".join(worse))
    if skipped:
        scenario.note(f"{name}: skipped in the pool, by the device's own word: {', '.join(skipped)}")


def main(scenario):
    here = os.path.dirname(os.path.abspath(__file__))
    ended = scenario.same("element-wise, reduction, scan, radix sort, random numbers",
                          ["/usr/bin/python3", os.path.join(here, "pyopencl_classes.py")], seconds=540)
    scenario.check(ended.stdout.count(" right") >= 9 and "WRONG" not in ended.stdout, "the results are right",
                   ended.stdout)
    if not scenario.check(os.path.isdir(EXAMPLES), f"the examples of package python-pyopencl-doc are in {EXAMPLES}"):
        return
    folder = os.path.join(scenario.work, "examples")
    shutil.copytree(EXAMPLES, folder)
    for demo in DEMOS:
        for side in (scenario.native, scenario.pool):
            ended = side.run(["/usr/bin/python3", demo], 300, cwd=folder)
            scenario.check(ended.returncode == 0, f"{demo}: runs in {side.name}",
                           ended.stdout[-500:] + ended.stderr[-1500:])
    for name, selection in SUITES.items():
        suite(scenario, folder, name, selection)


if __name__ == "__main__":
    run(main)
