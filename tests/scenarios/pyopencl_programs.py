#!/usr/bin/python3
"""pyopencl: its element-wise, reduction, scan, sort and random-number classes, the examples of its documentation, and
the part of its own test suite that needs little compiling; all of that: pyopencl_tests_all.py.

    pyopencl_programs.py [--build DIR] [brief]      brief: without the classes that take minutes to compile"""

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


def suite(scenario, folder, name, selection=""):
    """Runs one file of pyopencl's test suite on both sides, and compares test by test."""
    line = ["/usr/bin/python3", "-m", "pytest", "-v", "-p", "no:cacheprovider", "--color=no", name]
    line += ["-k", selection] if selection else []
    native, pooled = (verdicts(side.run(line, 3000, cwd=folder).stdout) for side in (scenario.native, scenario.pool))
    scenario.no_worse(f"pyopencl's {name}", native, pooled, ("PASSED",), ("SKIPPED",))


def copy_examples(scenario):
    """A copy of the examples and tests, which write beside themselves; None if the package is not there."""
    if not scenario.check(os.path.isdir(EXAMPLES), f"the examples of package python-pyopencl-doc are in {EXAMPLES}"):
        return None
    return shutil.copytree(EXAMPLES, os.path.join(scenario.work, "examples"))


def main(scenario):
    here = os.path.dirname(os.path.abspath(__file__))
    brief = "brief" in scenario.arguments
    ended = scenario.same("element-wise, reduction, scan, random numbers" + ("" if brief else ", radix sort"),
                          ["/usr/bin/python3", os.path.join(here, "pyopencl_classes.py"), *scenario.arguments], seconds=540)
    scenario.check(ended.stdout.count(" right") == (6 if brief else 9) and "WRONG" not in ended.stdout, "the results are right",
                   ended.stdout)
    folder = copy_examples(scenario)
    for demo in DEMOS if folder else ():
        for side in (scenario.native, scenario.pool):
            ended = side.run(["/usr/bin/python3", demo], 300, cwd=folder)
            scenario.check(ended.returncode == 0, f"{demo}: runs in {side.name}",
                           ended.stdout[-500:] + ended.stderr[-1500:])
    for name, selection in SUITES.items() if folder else ():
        suite(scenario, folder, name, selection)


if __name__ == "__main__":
    run(main)
