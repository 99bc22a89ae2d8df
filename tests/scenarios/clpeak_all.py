#!/usr/bin/python3
"""clpeak runs all its tests to the end in the pool. Takes about ten minutes on two cores."""

from clpeak import SECTIONS, run_clpeak
from scenario import run


def main(scenario):
    run_clpeak(scenario, [], SECTIONS, 2400)


if __name__ == "__main__":
    run(main)
