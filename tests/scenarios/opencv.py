#!/usr/bin/python3
"""OpenCV's transparent API: every filter's result is bit for bit the native one."""

import os

from scenario import run

# Whatever it calls itself: left alone, OpenCV takes a GPU only.
FIRST_DEVICE = {"OPENCV_OPENCL_DEVICE": "::0"}


def main(scenario):
    filters = os.path.join(os.path.dirname(os.path.abspath(__file__)), "opencv_filters.py")
    ended = scenario.same("OpenCV", ["/usr/bin/python3", filters], seconds=600, environment=FIRST_DEVICE)
    scenario.check("uses OpenCL: True" in ended.stdout, "OpenCV: works through OpenCL", ended.stdout + ended.stderr)
    used = max((session["usage"]["launches"] for session in scenario.pool.ended_sessions()), default=0)
    scenario.check(used > 10, f"OpenCV: launched {used} kernels in the pool")


if __name__ == "__main__":
    run(main)
