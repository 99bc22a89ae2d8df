#!/usr/bin/python3
"""GEGL's OpenCL operations (the image engine of GIMP, which loads OpenCL by dlopen): the pictures are the native ones, to
one step of 256. Not bit for bit, and only with the exact conversions between colour formats: GEGL takes whichever of those
within its tolerance was the fastest when it tried them, which is another one from time to time, natively as well; and the
fastest wrap a value just above white to black, four samples in this picture."""

import os

from scenario import run

# Those that GEGL has kernels for.
OPERATIONS = {
    "box blur": ["box-blur", "radius=9"],
    "bilateral filter": ["bilateral-filter"],
    "noise reduction": ["noise-reduction"],
    "symmetric nearest neighbours": ["snn-mean"],
    "linear motion blur": ["motion-blur-linear"],
}


def bytes_of(path):
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


def largest_difference(one, other):
    """Of two pictures of the same size, in steps; None if they are not."""
    if len(one) != len(other) or len(one) < 800 * 600:
        return None
    return max(abs(a - b) for a, b in zip(one, other))


def main(scenario):
    picture = os.path.join(scenario.work, "in.png")
    drawn = scenario.native.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=800x600", "-frames:v", "1",
                                 picture])
    scenario.check(drawn.returncode == 0, "a picture to work on", drawn.stderr)
    launches = 0
    for title, operation in OPERATIONS.items():
        pictures = []
        for side in (scenario.native, scenario.pool):
            path = os.path.join(scenario.work, f"{side.name}.ppm")
            kind = "cpu" if side is scenario.native else "gpu"  # GEGL takes no processor unless it is told to
            environment = {"GEGL_USE_OPENCL": kind, "BABL_TOLERANCE": "0"}
            ended = side.run(["gegl", picture, "-o", path, "--", *operation], environment=environment)
            scenario.check(ended.returncode == 0, f"GEGL, {title}: runs in {side.name}", ended.stderr)
            pictures.append(bytes_of(path))
            if os.path.exists(path):
                os.remove(path)
        difference = largest_difference(*pictures)
        scenario.check(difference in (0, 1), f"GEGL, {title}: the same picture", f"largest difference: {difference}")
    for session in scenario.pool.ended_sessions():
        launches += session["usage"]["launches"]
    scenario.check(launches >= len(OPERATIONS), f"GEGL: launched {launches} kernels in the pool")


if __name__ == "__main__":
    run(main)
