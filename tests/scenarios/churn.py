#!/usr/bin/python3
"""A tenant whose programs come and go all the time: what its coming and going costs another tenant's programs that come
now and then. Prints both attach times, with and without the churn."""

import os
import re
import statistics
import subprocess
import time

from pool import die_with_parent
from scenario import run

ROUNDS = 40
CHURNERS = 8  # processes that come and go as fast as they can
ATTACH_MS_MAX = 150  # the other tenant's median under churn; it was 580 ms before tenants took turns


def attach_ms(scenario, tenant):
    """How long a program of the tenant waits for its session, the start of the process included."""
    begun = time.monotonic()
    ended = scenario.pool.run(["clinfo", "-l"], 30, tenant=tenant)
    return (time.monotonic() - begun) * 1000, ended


def attach_times(scenario, tenant, rounds=ROUNDS):
    times, refused = [], 0
    for _ in range(rounds):
        took_ms, ended = attach_ms(scenario, tenant)
        times.append(took_ms)
        refused += ended.returncode != 0
        time.sleep(0.25)
    return sorted(times), refused


def note(scenario, what, times):
    scenario.note(f"{what}: median {statistics.median(times):.0f} ms, p99 {times[int(len(times) * 0.99) - 1]:.0f} ms, "
                  f"of {len(times)} attaches")


def churn(scenario):
    line = scenario.pool.wrap(["clinfo", "-l"], tenant="churner")
    script = 'while :; do "$@" >/dev/null 2>&1; done'
    return [subprocess.Popen(["sh", "-c", script, "sh", *line], env=scenario.pool.environment, start_new_session=True,
                             preexec_fn=die_with_parent) for _ in range(CHURNERS)]


def main(scenario):
    attach_times(scenario, "calm", 4)  # what is compiled or loaded once
    alone, refused = attach_times(scenario, "calm")
    note(scenario, "without churn", alone)
    scenario.check(refused == 0, "every program of a calm tenant gets its session", refused)
    churners = churn(scenario)
    time.sleep(2)
    beside, refused = attach_times(scenario, "calm")
    for child in churners:
        os.killpg(child.pid, 9)
        child.wait()
    note(scenario, f"beside {CHURNERS} churning programs", beside)
    came = len(set(re.findall(r"session (\d+): tenant churner", scenario.pool.log())))
    scenario.note(f"the churner had {came} sessions meanwhile")
    scenario.check(refused == 0, "so does it beside a tenant that comes and goes all the time", refused)
    scenario.check(statistics.median(beside) < ATTACH_MS_MAX, f"and waits for less than {ATTACH_MS_MAX} ms", beside)


if __name__ == "__main__":
    run(main)
