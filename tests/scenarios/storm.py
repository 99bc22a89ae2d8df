#!/usr/bin/python3
"""Twenty-four threads make random calls at once: no crash, no deadlock, nothing left, and the final contents are what each
thread worked out itself, natively and in the pool. The variables SEEDS and CALLS set how much (3 and 1000)."""

import glob
import os
import re

from sanitizers import sanitizers_of
from scenario import run

SEEDS = int(os.environ.get("SEEDS", "3"))
CALLS = os.environ.get("CALLS", "1000")


def check_stands_in_for_pocl(scenario, log):
    """Without it, PoCL may abort where launches that it compiled differently run at once, or where commands fail; and
    its threads sleep and wake for every command. (Sanitizers interpose functions of threads themselves, and the rest is
    linked into the worker.)"""
    sanitized = sanitizers_of(scenario.build)
    home = "sluice-worker" if sanitized else "libsluice-pocl-3.1.so"
    threads = () if sanitized else ("pthread_cond_wait", "pthread_cond_broadcast")
    for name in ("pocl_release_dlhandle_cache", "pocl_broadcast", "pocl_check_kernel_dlhandle_cache", "access", *threads):
        caller = "/libpocl.so" if name == "access" else "/libpocl-devices-"
        bound = re.findall(rf"binding file (\S+) \S+ to (\S+) \S+: normal symbol `{name}'", log)
        bound = [(of, to) for of, to in bound if caller in of]
        elsewhere = [(of, to) for of, to in bound if os.path.basename(to) != home]
        # The worker that looks for devices goes without: nobody knows yet what drivers there are.
        scenario.check(len(elsewhere) < len(bound) and len(elsewhere) == len(set(elsewhere)),
                       f"PoCL finds {name} in {home}", bound)


def read_all(pattern):
    texts = []
    for path in glob.glob(pattern):
        with open(path, encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
    return "".join(texts)


def main(scenario):
    argv = [scenario.program("storm")]
    scenario.same("seed 1", [*argv, "1", "24", CALLS, "careful"])
    # What the loader says is more than a worker may log, so it goes to files, for which these fences are in the way.
    bindings = os.path.join(scenario.work, "bindings")
    device_environment = {"SLUICE_STAGED_MEMORY": "1", "LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": bindings}
    without = '[jail]\nwithout = ["mount-namespace", "landlock", "own-uid"]\n'
    with scenario.new_pool(device_environment=device_environment, config=without) as staged:
        for seed in range(2, SEEDS + 1):
            digests = set()
            for title, pool in (("the arena", scenario.pool), ("memory of the device's own", staged)):
                ended = pool.run([*argv, str(seed), "24", CALLS])
                scenario.check(ended.returncode == 0, f"seed {seed} runs to its end in {title}", ended.stderr)
                digests.add(ended.stdout)
            scenario.check(len(digests) == 1, f"seed {seed}: the same in both")
        check_stands_in_for_pocl(scenario, read_all(bindings + ".*"))
        scenario.check_clean(staged)
    scenario.check_left(staged)


if __name__ == "__main__":
    run(main)
