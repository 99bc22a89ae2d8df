"""Compares two builds by pairs of runs: which rows of a benchmark became slower, with what certainty.

A pair is one run of either build, one directly after the other, in an order that changes from pair to pair, so that
what else the machine does hits both. The ratio of a pair is above 1 where this build was slower. The interval is that
of the sign test for the median of the ratios: its ends are two of the ratios, so it assumes nothing of how they are
spread. With 9 pairs it is from the second smallest to the second largest, and holds the median in 96 % of all cases.
"""

import math
import statistics

PAIRS_MIN = 9
CONFIDENCE = 0.95
SLOWER = 1.02  # an interval that lies wholly above is a failure


def interval(ratios):
    """(low, high): holds the median of what the ratios are a sample of in at least 95 % of all cases."""
    ordered, count = sorted(ratios), len(ratios)
    cut, outside = 0, 2 * 0.5 ** count
    while outside <= 1 - CONFIDENCE:
        cut += 1
        outside += 2 * math.comb(count, cut) * 0.5 ** count
    if cut == 0:
        raise ValueError(f"{count} pairs are too few for an interval")
    return ordered[cut - 1], ordered[-cut]


def compared(case, this, other, unit, more_is_better):
    """The row of one case: `this` and `other` are its values, pair by pair."""
    ratios = [b / a if more_is_better else a / b for a, b in zip(this, other)]
    low, high = interval(ratios)
    return {"case": case, "this": statistics.median(this), "other": statistics.median(other), "unit": unit,
            "slower_by": statistics.median(ratios), "low": low, "high": high, "pairs": len(ratios),
            "ok": low <= SLOWER}


def in_pairs(this, other, pairs, measure):
    """({case: (value, unit)} of this build's runs, and of the other's), after a run of each that is not counted."""
    runs = {this: [], other: []}
    for side in (this, other):
        measure(side)
    for number in range(pairs):
        for side in (this, other) if number % 2 == 0 else (other, this):
            runs[side].append(measure(side))
    return runs[this], runs[other]


def compared_rows(this_runs, other_runs, rates, suffix=""):
    """Of the cases that both builds have."""
    return [compared(case + suffix, [run[case][0] for run in this_runs], [run[case][0] for run in other_runs], unit,
                     unit in rates)
            for case, (_, unit) in this_runs[0].items() if case in other_runs[0]]


def self_test():
    """Whether the interval is the sign test's, and the verdict follows from it. Raises AssertionError where not."""
    ratios = [1.0, 1.01, 1.03, 1.05, 1.06, 1.07, 1.08, 1.2, 9.0]
    assert interval(ratios) == (1.01, 1.2), interval(ratios)
    assert interval(ratios[:6]) == (1.0, 1.07), interval(ratios[:6])
    try:
        interval(ratios[:5])
        raise AssertionError("5 pairs are too few")
    except ValueError:
        pass
    same = compared("same", [2.0] * 9, [2.0] * 9, "us", False)
    assert same["ok"] and same["low"] == same["high"] == 1
    slower = compared("slower", [2.1] * 9, [2.0] * 9, "us", False)
    assert not slower["ok"] and slower["slower_by"] > 1.04
    assert compared("noisy", [1, 9] * 4 + [1], [2, 8] * 4 + [1], "us", False)["ok"]
    assert not compared("lower rate", [9.0] * 9, [10.0] * 9, "GB/s", True)["ok"]
    assert compared("higher rate", [11.0] * 9, [10.0] * 9, "GB/s", True)["ok"]
