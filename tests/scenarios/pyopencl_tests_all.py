#!/usr/bin/python3
"""All of pyopencl's own test suite, as package python-pyopencl-doc brings it, test by test: whatever passes natively
must pass in the pool. Arguments are the names of its files. Takes about an hour on two cores, nearly all of it PoCL's
compiling."""

import glob
import os

from pyopencl_programs import copy_examples, suite
from scenario import run


def main(scenario):
    folder = copy_examples(scenario)
    for path in sorted(glob.glob(os.path.join(folder, "test_*.py"))) if folder else ():
        if os.path.basename(path) in scenario.arguments or not scenario.arguments:
            suite(scenario, folder, os.path.basename(path))


if __name__ == "__main__":
    run(main)
