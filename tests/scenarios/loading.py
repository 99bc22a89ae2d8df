#!/usr/bin/python3
"""Every way in which a program comes to OpenCL leads into the pool: linked with the loader, or by loading
libOpenCL.so.1, libOpenCL.so, or the system's loader by its absolute path (and from there through the ICD)."""

import glob

from scenario import run


def main(scenario):
    loader = sorted(glob.glob("/usr/lib/*/libOpenCL.so.1"))[0]
    for name in ("libOpenCL.so.1", "libOpenCL.so", loader):
        title = "the system's loader by its path" if name == loader else name
        native = scenario.native.run([scenario.program("load"), name])
        pooled = scenario.pool.run([scenario.program("load"), name])
        scenario.check(native.returncode == 0 and "sum 4950" in native.stdout, f"{title}: works natively",
                       native.stdout + native.stderr)
        scenario.check(pooled.returncode == 0 and "sum 4950" in pooled.stdout, f"{title}: works in the pool",
                       pooled.stdout + pooled.stderr)
        scenario.check("platforms 1" in pooled.stdout and "Portable Computing" not in pooled.stdout,
                       f"{title}: finds the pool's platform alone", pooled.stdout)
    linked = scenario.pool.run(["clinfo", "-l"])
    scenario.check("Sluice" in linked.stdout and "Portable Computing" not in linked.stdout,
                   "linked: finds the pool's platform alone", linked.stdout + linked.stderr)


if __name__ == "__main__":
    run(main)
