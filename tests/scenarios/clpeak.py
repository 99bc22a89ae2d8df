#!/usr/bin/python3
"""clpeak runs all its tests to the end in the pool. What it measures is not compared here: bench/ does that."""

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


def main(scenario):
    ended = scenario.pool.run(["clpeak"], 540)
    scenario.check(ended.returncode == 0, "runs to its end", ended.stdout[-2000:] + ended.stderr[-2000:])
    for title, rows in SECTIONS.items():
        section = ended.stdout.partition(title)[2].split("\n\n")[0]
        missing = [row for row in rows if not re.search(rf"^ *{row} *: *[0-9.]+$", section, re.MULTILINE)]
        scenario.check(not missing, f"{title}: every row has a number", f"without: {missing}\n{section}")
    scenario.check(re.search(r"Kernel launch latency : -?[0-9.]+ us", ended.stdout), "kernel latency is measured",
                   ended.stdout[-300:])


if __name__ == "__main__":
    run(main)
