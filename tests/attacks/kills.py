#!/usr/bin/python3
"""kill -9 of program, worker and daemon, at random moments: afterwards no process, control group, mount, file of a
worker's user or socket is left, and another tenant's program has noticed nothing.

    kills.py [--build DIR] [--seed N] COUNT
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import time

from world import SLICE, USER_LACKS, World, find_build, lives, wait_until

SESSION_S_MAX = 10
GROUP_TREES = "/sys/fs/cgroup"
UIDS = range(700000, 765536)  # workers.uid_first and workers.uid_count


class Killer:
    def __init__(self, world, seed):
        self.world, self.pool = world, world.pool
        self.luck = random.Random(seed)
        self.failed = []
        self.counts = {"program": 0, "worker": 0, "daemon": 0}

    def check(self, holds, what):
        if not holds:
            self.failed.append(what)
            print(f"FAIL {what}", flush=True)

    def victim(self):
        return next((one for one in self.pool.sessions() if one["tenant"] == "victim"), None)

    def once(self, number):
        target = self.luck.choice(list(self.counts))
        self.counts[target] += 1
        line = self.luck.choice((["steady", "30"], ["endless"]))
        child = self.pool.popen([os.path.join(self.world.build, "programs", line[0]), *line[1:]], tenant="victim", memory=SLICE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.luck.choice((0, 0.003, 0.01, 0.03, 0.1, 0.3)) * self.luck.random())
        if target == "worker" and wait_until(lambda: self.victim() is not None or child.poll() is not None, SESSION_S_MAX):
            session = self.victim()
            if session:
                os.kill(session["worker_pid"], signal.SIGKILL)
        if target == "daemon":
            self.pool.kill_daemon()
            time.sleep(0.1 * self.luck.random())
            self.pool.start(wait=False)
            self.check(wait_until(lambda: self.pool.status() is not None, SESSION_S_MAX), f"{number}: the daemon starts again")
        if target == "program" or self.luck.random() < 0.8:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        elif not wait_until(lambda: child.poll() is not None, 1):
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self.check(wait_until(lambda: self.victim() is None, SESSION_S_MAX), f"{number}: {target} killed: its session ends")


def pool_of(worker):
    """What the worker's pool is called among control groups; other pools may run beside it."""
    with open(f"/proc/{worker}/cgroup", encoding="utf-8") as file:
        found = re.search(r"/([0-9a-f]{16})/\d+/worker$", file.read(), re.MULTILINE)
    return found[1] if found else None


def groups(pool):
    """Control groups of a pool, in any tree."""
    return {folder for folder, _, _ in os.walk(GROUP_TREES) if pool and f"/{pool}" in folder}


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {line.split()[4] for line in file}


def files_of_workers(*folders):
    """What workers' users own below these folders."""
    found = []
    for top in folders:
        for folder, names, files in os.walk(top):
            found += [path for path in (os.path.join(folder, name) for name in names + files)
                      if os.lstat(path).st_uid in UIDS]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", help="the build folder; default: $SLUICE_BUILD_DIR or build/release")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    mounts_before = mounts()
    mode = "root" if os.geteuid() == 0 else "user"
    with World(find_build(arguments.build), mode, USER_LACKS if mode == "user" else (), name="kills") as world:
        other = world.other_worker()
        pool = pool_of(other)
        killer = Killer(world, arguments.seed)
        killer.check(mode == "user" or bool(pool) and bool(groups(pool)), "workers have control groups")
        for number in range(arguments.count):
            killer.once(number)
        killer.check(lives(other) and world.other.poll() is None, "another tenant's program computes on, with the same worker")
        world.end_other()
        killer.check(wait_until(world.pool.idle, 10, 0.05), f"nothing is taken from the pool: {world.pool.status()}")
        killer.check(wait_until(lambda: not world.strays(), 5), f"no process is left: {world.strays()}")
        runtime = world.pool.runtime
        world.pool.stop()
        killer.check(not files_of_workers(world.pool.folder), f"no file of a worker is left: {files_of_workers(runtime)}")
    killer.check(not world.pool.leftovers, f"the pool leaves nothing: {world.pool.leftovers}")
    killer.check(wait_until(lambda: not groups(pool), 5), f"no control group is left: {groups(pool)}")
    killer.check(mounts() <= mounts_before, f"no mount is left: {mounts() - mounts_before}")
    print(f"{arguments.count} kills ({killer.counts}), {len(killer.failed)} failures", flush=True)
    return 1 if killer.failed else 0


if __name__ == "__main__":
    sys.exit(main())
