#!/usr/bin/python3
"""CLBlast: a program of ours that calls routines of all three levels, and the package's tuners, which compile and run
dozens of variants of a kernel and check each against a reference."""

import re

from scenario import run

# No smaller: the largest variant of xaxpy writes 131072 values whether they are there or not.
TUNERS = {
    "clblast_tuner_xaxpy": ["-n", "262144", "-fraction", "8"],
    "clblast_tuner_xgemm": ["-m", "128", "-n", "128", "-k", "128", "-fraction", "2048"],
    "clblast_tuner_xdot": ["-n", "65536", "-fraction", "1"],
    "clblast_tuner_copy_fast": ["-m", "256", "-n", "256", "-fraction", "16"],
    "clblast_tuner_xger": ["-m", "256", "-n", "256", "-fraction", "16"],
}


def verdicts(text):
    """Counts of what a tuner says of its variants: matches, and all else."""
    rows = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if re.match(r"^\| +\d+ \|", line)]
    return len(rows), [row for row in rows if "results match" not in row]


def main(scenario):
    scenario.same("CLBlast's routines", [scenario.program("blas")])
    for tuner, options in TUNERS.items():
        line = [tuner, *options, "-runs", "1"]
        native = scenario.native.run(line, cwd=scenario.work)
        pooled = scenario.pool.run(line, cwd=scenario.work)
        wanted, natively_odd = verdicts(native.stdout)
        got, odd = verdicts(pooled.stdout)
        scenario.check(native.returncode == 0 and wanted > 0, f"{tuner}: {wanted} variants run natively",
                       native.stdout[-1500:] + native.stderr)
        scenario.check(pooled.returncode == 0 and got > 0, f"{tuner}: runs in the pool",
                       pooled.stdout[-1500:] + pooled.stderr)
        scenario.check(len(odd) <= len(natively_odd), f"{tuner}: {got} variants give the right results in the pool",
                       "\n".join(odd))


if __name__ == "__main__":
    run(main)
