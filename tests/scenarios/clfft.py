#!/usr/bin/python3
"""clFFT-client checks its own results: one, two and three dimensions, both precisions, both directions."""

from scenario import run

CASES = {
    "1D": ["-x", "1024"],
    "1D, double": ["-x", "243", "--double"],
    "2D, many": ["-x", "64", "-y", "32", "-b", "4"],
    "3D, out of place": ["-x", "16", "-y", "8", "-z", "4", "-o"],
    "backward, real": ["-x", "128", "--inv"],
}


def without_times(text):
    return "\n".join(line for line in text.splitlines() if "wall time" not in line and "gflops" not in line)


def main(scenario):
    for title, options in CASES.items():
        scenario.same(f"clFFT {title}", ["clFFT-client", "-p", "2", *options], clean=without_times, cwd=scenario.work)


if __name__ == "__main__":
    run(main)
