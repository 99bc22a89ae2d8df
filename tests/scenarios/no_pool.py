#!/usr/bin/python3
"""Without a daemon `sluice run` says so in one line and ends with 69; a program with the shim preloaded by hand finds
no platform, gets one line on stderr, and lives."""

import os

from pool import Pool
from scenario import run


def main(scenario):
    pool = Pool(scenario.build)  # never started
    refused = pool.run([scenario.program("platforms")])
    scenario.check(refused.returncode == 69, "`sluice run` ends with 69", refused.returncode)
    scenario.check(refused.stdout == "" and len(refused.stderr.splitlines()) == 1, "`sluice run` says why in one line",
                   refused.stdout + refused.stderr)
    preload = {"LD_PRELOAD": os.path.join(scenario.build, "lib", "sluice", "shim", "libOpenCL.so.1"),
               "SLUICE_SOCKET": pool.socket}
    if not os.path.exists(preload["LD_PRELOAD"]):
        preload["LD_PRELOAD"] = find_shim(scenario.build)
    alone = scenario.native.run([scenario.program("platforms")], environment=preload)
    scenario.check(alone.returncode == 0 and "platforms 0" in alone.stdout, "a preloaded program finds no platform",
                   f"{alone.returncode}\n{alone.stdout}{alone.stderr}")
    scenario.check("clGetPlatformIDs 0," in alone.stdout or "clGetPlatformIDs -1001," in alone.stdout,
                   "and gets a code of the standard", alone.stdout)
    scenario.check(len(alone.stderr.splitlines()) == 1 and alone.stderr.startswith("sluice: "),
                   "and one line that tells what is wrong", alone.stderr)
    for argv in (["clinfo", "-l"], ["hashcat", "-I"], [scenario.program("steady")]):
        ended = scenario.native.run(argv, 60, environment=preload)
        scenario.check(ended.returncode is not None and ended.returncode >= 0,
                       f"{os.path.basename(argv[0])} does not crash",
                       f"{ended.returncode}\n{ended.stdout[-500:]}{ended.stderr[-500:]}")


def find_shim(build):
    for folder, _, files in os.walk(build):
        if "libOpenCL.so.1" in files:
            return os.path.join(folder, "libOpenCL.so.1")
    raise FileNotFoundError(f"no libOpenCL.so.1 below {build}")


if __name__ == "__main__":
    run(main, needs_pool=False)
