#!/usr/bin/python3
"""CLBlast: a program of ours that calls routines of all three levels, and the package's tuners, which compile and run
dozens of variants of a kernel and check each against a reference.

    clblast.py [--build DIR] [FEWER]      so many times fewer variants
"""

import re

from scenario import run

# One in so many variants, and sizes. No smaller: the largest variant of xaxpy writes 131072 values whether they are there
# or not.
TUNERS = {
    "clblast_tuner_xaxpy": (8, "-n", "262144"),
    "clblast_tuner_xgemm": (2048, "-m", "128", "-n", "128", "-k", "128"),
    "clblast_tuner_xdot": (1, "-n", "65536"),
    "clblast_tuner_copy_fast": (16, "-m", "256", "-n", "256"),
    "clblast_tuner_xger": (16, "-m", "256", "-n", "256"),
}


def verdicts(text):
    """Counts of what a tuner says of its variants: matches, and all else."""
    rows = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if re.match(r"^\| +\d+ \|", line)]
    return len(rows), [row for row in rows if "results match" not in row]


def main(scenario):
    scenario.same("CLBlast's routines", [scenario.program("blas")])
    fewer = int(scenario.arguments[0]) if scenario.arguments else 1
    for tuner, (fraction, *options) in TUNERS.items():
        line = [tuner, *options, "-fraction", str(fraction * fewer), "-runs", "1"]
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
