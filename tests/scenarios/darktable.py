#!/usr/bin/python3
"""darktable-cli exports a smaller copy of a picture through OpenCL: the same as darktable makes of it on the processor,
to one step of 256. There is nothing else to compare with: natively PoCL cannot compile darktable's kernels. Compiling
them takes the first run minutes."""

import os
import re

from gegl import bytes_of, largest_difference
from scenario import run


class Darktable:
    """darktable-cli on one side, with a configuration of its own."""

    def __init__(self, scenario, side):
        self.side = side
        self.folder = os.path.join(scenario.work, f"darktable-{side.name}")
        self.cached = os.path.join(side.home, "darktable")  # its own store of compiled kernels

    def export(self, picture, *options):
        """(how it ended, the bytes of the exported picture)"""
        exported, plain = (os.path.join(self.folder, name) for name in ("out.png", "out.ppm"))
        for path in (exported, plain):
            if os.path.exists(path):
                os.remove(path)
        line = ["darktable-cli", picture, exported, "--width", "800", "--height", "600", "--hq", "1", "--core"]
        line += ["--configdir", self.folder, "--cachedir", self.cached, "--library", ":memory:", *options]
        ended = self.side.run(line, 3000)
        self.side.run(["ffmpeg", "-v", "error", "-nostdin", "-i", exported, "-pix_fmt", "rgb24", plain])
        return ended, bytes_of(plain)

    def allow_devices(self):
        """It writes down each device that it has met, and refuses those whose version names PoCL: the eighth number."""
        path = os.path.join(self.folder, "darktablerc")
        with open(path, encoding="utf-8") as file:
            text, count = re.subn(r"(?m)^(cldevice_[^=]*=(?:\S+ ){7})1\b", r"\g<1>0", file.read())
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return count


def launches(pool):
    return sum(session["usage"]["launches"] for session in pool.ended_sessions())


def main(scenario):
    picture = os.path.join(scenario.work, "in.png")
    drawn = scenario.native.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=1200x900",
                                 "-frames:v", "1", picture])
    scenario.check(drawn.returncode == 0, "a picture to export", drawn.stderr)
    ended, wanted = Darktable(scenario, scenario.native).export(picture, "--disable-opencl")
    scenario.check(ended.returncode == 0 and wanted, "exports on the processor", ended.stdout + ended.stderr)
    pooled = Darktable(scenario, scenario.pool)
    pooled.export(picture)
    scenario.check(pooled.allow_devices() == 1, "finds one device in the pool")
    before = launches(scenario.pool)
    ended, got = pooled.export(picture, "-d", "opencl")
    said = ended.stdout + ended.stderr
    scenario.check(ended.returncode == 0 and "opencl is AVAILABLE" in said, "exports by OpenCL in the pool", said)
    difference = largest_difference(wanted, got)
    scenario.check(difference in (0, 1), f"the same picture, to {difference} steps of 256")
    scenario.check(launches(scenario.pool) > before, f"launched {launches(scenario.pool) - before} kernels in the pool")


if __name__ == "__main__":
    run(main)
