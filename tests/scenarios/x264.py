#!/usr/bin/python3
"""x264 --opencl, which decides on the GPU what each frame is and how well it deserves to be coded. Its kernels race
with each other: the video differs a little from run to run, natively as well. So what is compared is how near to the
source it comes, and its size. x264 takes nothing but GPUs; natively the device is told to call itself one."""

import os
import re

from pool import native_as_gpu
from scenario import run

FRAMES = 50
# Of 15 runs on either side: 39.4 to 39.9 dB, an SSIM of 0.988 to 0.989, 51.0 to 51.9 kB. Without OpenCL it is 42.1 dB
# and 56.5 kB: that x264 did not use the GPU would show.
DECIBELS_APART_MAX = 0.8
SSIM_APART_MAX = 0.003
SIZES_APART_MAX = 0.05


def quality(scenario, video, source):
    """(PSNR in decibels, SSIM) of the decoded video against its source, both over all frames and planes."""
    graph = "[0:v]settb=1/25,setpts=N,split[a][b];[1:v]settb=1/25,setpts=N,split[c][d];[a][c]psnr;[b][d]ssim"
    ended = scenario.native.run(["ffmpeg", "-nostdin", "-i", video, "-i", source, "-lavfi", graph, "-f", "null", "-"])
    psnr = re.search(r"PSNR .*average:([\d.]+)", ended.stderr)
    ssim = re.search(r"SSIM .*All:([\d.]+)", ended.stderr)
    if not scenario.check(psnr and ssim, "the video can be decoded", ended.stderr):
        return 0.0, 0.0
    return float(psnr[1]), float(ssim[1])


def encode(scenario, side, source):
    """What comes out on one side: quality and size."""
    video = os.path.join(scenario.work, f"{side.name}.264")
    kernels = os.path.join(scenario.work, f"{side.name}.clbin")
    ended = side.run(["x264", "--opencl", "--opencl-clbin", kernels, "--threads", "1", "-o", video, source], 600)
    scenario.check(ended.returncode == 0 and f"encoded {FRAMES} frames" in ended.stderr, f"encodes in {side.name}",
                   ended.stderr)
    scenario.check("OpenCL acceleration enabled" in ended.stderr, f"looks ahead by OpenCL in {side.name}", ended.stderr)
    size = os.path.getsize(video) if os.path.exists(video) else 0
    return (*quality(scenario, video, source), size)


def main(scenario):
    source = os.path.join(scenario.work, "in.y4m")
    pictures = f"testsrc2=size=320x176:rate=25:duration={FRAMES // 25}"
    drawn = scenario.native.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", pictures, "-pix_fmt",
                                 "yuv420p", source])
    scenario.check(drawn.returncode == 0, "a video to encode", drawn.stderr)
    wanted = encode(scenario, native_as_gpu(scenario.build, scenario.makes), source)
    got = encode(scenario, scenario.pool, source)
    scenario.note(f"natively {wanted[0]:.2f} dB, SSIM {wanted[1]:.4f}, {wanted[2]} bytes; "
                  f"in the pool {got[0]:.2f} dB, SSIM {got[1]:.4f}, {got[2]} bytes")
    scenario.check(abs(wanted[0] - got[0]) <= DECIBELS_APART_MAX and abs(wanted[1] - got[1]) <= SSIM_APART_MAX,
                   "as near to the source as natively")
    scenario.check(abs(wanted[2] - got[2]) <= SIZES_APART_MAX * wanted[2], "and as large")
    launches = sum(session["usage"]["launches"] for session in scenario.pool.ended_sessions())
    scenario.check(launches > 10 * FRAMES, f"launched {launches} kernels in the pool")


if __name__ == "__main__":
    run(main)
