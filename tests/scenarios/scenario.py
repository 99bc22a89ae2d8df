"""What every scenario does: says what it checks line by line, compares a native run with one in the pool, ends with 1
if anything was not as it must be.

    def main(s):
        s.same("clinfo", ["clinfo", "-l"])
    run(main)
"""

import argparse
import difflib
import os
import shutil
import sys
import tempfile
import traceback

from pool import POCL, Native, Pool, find_build, wait_until


class Scenario:
    def __init__(self, build, makes=POCL):
        self.build = build
        self.makes = makes
        self.failed = 0
        self.native = Native(build, makes=makes)
        self.pool = None
        self.work = tempfile.mkdtemp(prefix="sluice-scenario-")

    def program(self, name):
        """The path of one of tests/programs."""
        return os.path.join(self.build, "programs", name)

    def check(self, holds, what, detail=""):
        print(("ok   " if holds else "FAIL ") + what, flush=True)
        if not holds:
            self.failed += 1
            for line in str(detail).strip().splitlines()[-40:]:
                print("     | " + line, flush=True)
        return holds

    def note(self, text):
        print("     " + text, flush=True)

    def new_pool(self, **options):
        """Another pool than the scenario's own; to be used as a context, its leftovers checked by leave()."""
        return Pool(self.build, **{"makes": self.makes, **options})

    def check_clean(self, pool):
        """To be called while the pool runs and no program does."""
        idle = wait_until(pool.idle, 5, 0.05)
        self.check(idle, "afterwards nothing is taken from the pool", pool.status())

    def check_left(self, pool):
        self.check(not pool.leftovers, "the stopped pool leaves nothing behind", "\n".join(pool.leftovers))
        if pool.reports.sanitizers:
            self.check(not pool.reported, f"nothing reported by -fsanitize={pool.reports.sanitizers}")
            for report in pool.reported:
                self.note(report.replace("\n", "\n     | "))

    def natively(self, what, argv, seconds, tries, **options):
        """A native run that no signal ended, if one of `tries` is."""
        for left in reversed(range(tries)):
            ended = self.native.run(argv, seconds, **options)
            if ended.returncode is None or ended.returncode >= 0 or left == 0:
                return ended
            self.note(f"{what}: the driver crashed natively (signal {-ended.returncode}); once more")

    def same(self, what, argv, clean=lambda text: text, status=0, seconds=300, native_tries=1, **options):
        """Runs natively and in the pool: both must end with `status`, and print the same after `clean`. native_tries: for
        what is known to crash the driver now and then where no pool is."""
        native = self.natively(what, argv, seconds, native_tries, **options)
        pooled = self.pool.run(argv, seconds, **options)
        if not self.check(native.returncode == status, f"{what}: runs natively",
                          f"status {native.returncode}\n{native.stdout}\n{native.stderr}"):
            return pooled
        if not self.check(pooled.returncode == status, f"{what}: runs in the pool",
                          f"status {pooled.returncode}\n{pooled.stdout}\n{pooled.stderr}"):
            return pooled
        wanted, got = clean(native.stdout), clean(pooled.stdout)
        difference = difflib.unified_diff(wanted.splitlines(), got.splitlines(), "native", "pool", lineterm="", n=1)
        self.check(wanted == got, f"{what}: prints the same", "\n".join(difference))
        return pooled

    def no_worse(self, what, native, pooled, good, not_offered=()):
        """Two tables {test: verdict}: whatever is `good` natively must be so in the pool, or be skipped there because
        the device says that it does not have what is tested."""
        passed = [test for test, verdict in native.items() if verdict in good]
        skipped = [test for test in passed if pooled.get(test) in not_offered]
        worse = [f"{test}: {pooled.get(test, 'did not run')}" for test in passed
                 if pooled.get(test) not in good and test not in skipped]
        self.check(passed, f"{what}: {len(passed)} of {len(native)} tests pass natively", native)
        good_in_pool = sum(verdict in good for verdict in pooled.values())
        self.check(not worse, f"{what}: {good_in_pool} pass in the pool, these among them", "\n".join(worse))
        if skipped:
            self.note(f"{what}: skipped in the pool, by the device's own word: {', '.join(skipped)}")


def run(main, needs_pool=True, make="pocl", **pool_options):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", help="the build folder; default: $SLUICE_BUILD_DIR or build/release")
    parser.add_argument("--make", default=make, help="the make of driver on both sides, by its ICD file")
    arguments, rest = parser.parse_known_args()
    scenario = Scenario(find_build(arguments.build), (arguments.make,))
    scenario.arguments = rest
    try:
        if needs_pool:
            with scenario.new_pool(**pool_options) as pool:
                scenario.pool = pool
                main(scenario)
                scenario.check_clean(pool)
                if scenario.failed:
                    print("---- the end of sluiced's log ----\n" + "\n".join(pool.log().splitlines()[-60:]))
            scenario.check_left(pool)
        else:
            main(scenario)
    except Exception:  # a scenario that breaks has failed, and says how
        traceback.print_exc()
        scenario.failed += 1
    if scenario.failed:
        print(f"what the programs wrote: {scenario.work}")
    else:
        shutil.rmtree(scenario.work, ignore_errors=True)
    print(f"{'failed' if scenario.failed else 'passed'}", flush=True)
    sys.exit(1 if scenario.failed else 0)
