#!/usr/bin/python3
"""All of CLBlast's own tests (package clblast-tests): whatever passes natively must pass in the pool. Arguments name
the routines to test, such as xgemm. Takes about an hour on two cores, nearly all of it PoCL's compiling."""

import glob

from clblast_tests import test
from scenario import run


def main(scenario):
    programs = sorted(glob.glob("/usr/bin/clblast_test_*"))
    scenario.check(programs, "the programs of package clblast-tests are there")
    for name in scenario.arguments or [path.split("_test_")[1] for path in programs]:
        test(scenario, name)


if __name__ == "__main__":
    run(main)
