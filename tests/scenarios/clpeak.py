#!/usr/bin/python3
"""clpeak's tests run to their end in the pool: bandwidth, transfers and latency, which take a moment.

To a GPU clpeak gives about eight times the arithmetic that it gives to a CPU, which on a CPU takes many minutes:
clpeak_all.py runs those too. What clpeak measures is not compared here: bench/ does that."""

import re

from scenario import run

WIDTHS = ["", "2", "4", "8", "16"]
TRANSFERS = ["enqueueWriteBuffer", "enqueueReadBuffer", "enqueueWriteBuffer non-blocking",
             "enqueueReadBuffer non-blocking", r"enqueueMapBuffer\(for read\)", "memcpy from mapped ptr",
             r"enqueueUnmap\(after write\)", "memcpy to mapped ptr"]
SECTIONS = {
    "Global memory bandwidth": ["float" + width for width in WIDTHS],
    "Single-precision compute": ["float" + width for width in WIDTHS],
    "Double-precision compute": ["double" + width for width in WIDTHS],
    "Integer compute (GIOPS)": ["int" + width for width in WIDTHS],
    "Integer compute Fast 24bit": ["int" + width for width in WIDTHS],
    "Transfer bandwidth": TRANSFERS,
}


QUICK = {"--global-bandwidth": "Global memory bandwidth", "--transfer-bandwidth": "Transfer bandwidth"}


def check_sections(scenario, output, titles):
    for title in titles:
        section = output.partition(title)[2].split("\n\n")[0]
        missing = [row for row in SECTIONS[title] if not re.search(rf"^ *{row} *: *(?:[0-9.]+|inf)$", section, re.MULTILINE)]
        scenario.check(not missing, f"{title}: every row has a number", f"without: {missing}\n{section}")
    scenario.check(re.search(r"Kernel launch latency : -?[0-9.]+ us", output), "kernel latency is measured", output[-300:])


def run_clpeak(scenario, options, titles, time_s):
    ended = scenario.pool.run(["clpeak", *options], time_s)
    scenario.check(ended.returncode == 0, "runs to its end", ended.stdout[-2000:] + ended.stderr[-2000:])
    check_sections(scenario, ended.stdout, titles)


def main(scenario):
    run_clpeak(scenario, [*QUICK, "--kernel-latency"], QUICK.values(), 400)


if __name__ == "__main__":
    run(main)
