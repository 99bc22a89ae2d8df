#!/usr/bin/python3
"""GEGL's OpenCL operations (the image engine of GIMP, which loads OpenCL by dlopen): the pictures are the native ones."""

import hashlib
import os

from scenario import run

OPERATIONS = {
    "box blur": ["box-blur", "radius=9"],
    "Gaussian blur": ["gaussian-blur", "std-dev-x=4", "std-dev-y=4"],
    "unsharp mask": ["unsharp-mask"],
    "bilateral filter": ["bilateral-filter"],
}


def digest_of(path):
    if not os.path.exists(path):
        return "no picture"
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def main(scenario):
    picture = os.path.join(scenario.work, "in.png")
    drawn = scenario.native.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=800x600", "-frames:v", "1",
                                 picture])
    scenario.check(drawn.returncode == 0, "a picture to work on", drawn.stderr)
    launches = 0
    for title, operation in OPERATIONS.items():
        digests = []
        for side in (scenario.native, scenario.pool):
            path = os.path.join(scenario.work, f"{side.name}.ppm")
            kind = "cpu" if side is scenario.native else "gpu"  # GEGL takes no processor unless it is told to
            ended = side.run(["gegl", picture, "-o", path, "--", *operation], environment={"GEGL_USE_OPENCL": kind})
            scenario.check(ended.returncode == 0, f"GEGL, {title}: runs in {side.name}", ended.stderr)
            digests.append(digest_of(path))
            if os.path.exists(path):
                os.remove(path)
        scenario.check(digests[0] == digests[1] != "no picture", f"GEGL, {title}: the same picture", str(digests))
    for session in scenario.pool.ask("sessions", "--ended")["sessions"]:
        launches += session["usage"]["launches"]
    scenario.check(launches > 0, f"GEGL: launched {launches} kernels in the pool")


if __name__ == "__main__":
    run(main)
