#!/usr/bin/python3
"""hashcat opens libOpenCL.so by itself, makes many queues and builds the largest kernels there are here. Its benchmark
runs, and it recovers the same words natively and in the pool."""

import hashlib
import os
import re

from scenario import run

WORDS = ["cab", "fade", "bee", "dead", "0", "7f"]  # all of them within the mask
MASK = "?h?h?h?h"


def crack(scenario, side, mode, algorithm):
    """How hashcat ended, and the words that it recovered from a list of their digests, sorted."""
    hashes = os.path.join(scenario.work, f"{algorithm}-{side.name}.txt")
    found = hashes + ".found"
    with open(hashes, "w", encoding="ascii") as file:
        file.writelines(hashlib.new(algorithm, word.encode()).hexdigest() + "\n" for word in WORDS)
    if os.path.exists(found):
        os.remove(found)
    ended = side.run(["hashcat", "-m", mode, "-a", "3", "--potfile-disable", "--quiet", "--increment",
                      "-o", found, "--outfile-format", "2", hashes, MASK], 540)
    recovered = []
    if os.path.exists(found):
        with open(found, encoding="ascii") as file:
            recovered = sorted(file.read().split())
    return ended, recovered


def main(scenario):
    for mode, algorithm in (("0", "md5"), ("1400", "sha256")):
        native_end, native = crack(scenario, scenario.native, mode, algorithm)
        pooled_end, pooled = crack(scenario, scenario.pool, mode, algorithm)
        scenario.check(native == sorted(WORDS), f"{algorithm}: natively every word is recovered",
                       f"{native}\n{native_end.stdout}{native_end.stderr}")
        scenario.check(pooled == native, f"{algorithm}: in the pool the same words are recovered",
                       f"{pooled}\n{pooled_end.stdout}{pooled_end.stderr}")
        scenario.check(pooled_end.returncode == native_end.returncode, f"{algorithm}: the exit status is the same",
                       f"{native_end.returncode} natively, {pooled_end.returncode} in the pool")
    bench = scenario.pool.run(["hashcat", "-b", "-m", "0"], 540)
    scenario.check(bench.returncode == 0 and re.search(r"^Speed\.#1\.+: +[0-9.]+ .?H/s", bench.stdout, re.MULTILINE),
                   "the benchmark of MD5 runs in the pool", bench.stdout[-1500:] + bench.stderr[-1500:])


if __name__ == "__main__":
    run(main)
