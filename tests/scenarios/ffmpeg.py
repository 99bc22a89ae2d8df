#!/usr/bin/python3
"""ffmpeg's OpenCL filters on a generated video: every frame's checksum must be the native one."""

from scenario import run

# Filters that need more than one input or a size of their own are left to the last two.
CHAINS = {
    "blur and sharpen": "avgblur_opencl=sizeX=3:sizeY=3,unsharp_opencl",
    "box blur": "boxblur_opencl=luma_radius=2:chroma_radius=1",
    "edges": "sobel_opencl,prewitt_opencl,roberts_opencl",
    "morphology": "dilation_opencl,erosion_opencl",
    "convolution": "convolution_opencl=-2 -1 0 -1 1 1 0 1 2",
    "transposition": "transpose_opencl=dir=clock",
    "denoising": "nlmeans_opencl=s=2:p=3:r=5",
}


def main(scenario):
    source = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=5:duration=1"]
    device = ["ffmpeg", "-v", "error", "-nostdin", "-init_hw_device", "opencl=cl", "-filter_hw_device", "cl"]
    for title, chain in CHAINS.items():
        graph = f"format=yuv420p,hwupload,{chain},hwdownload,format=yuv420p"
        ended = scenario.same(f"ffmpeg, {title}", [*device, *source, "-vf", graph, "-f", "framemd5", "-"])
        scenario.check(ended.stdout.count("\n0,") >= 5, f"ffmpeg, {title}: all frames come out", ended.stdout)
    graph = "[0:v]format=yuv420p,hwupload[a];[1:v]format=yuv420p,hwupload[b];" \
            "[a][b]overlay_opencl=10:10,hwdownload,format=yuv420p"
    scenario.same("ffmpeg, overlay", [*device, *source, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=1",
                                      "-filter_complex", graph, "-f", "framemd5", "-"])


if __name__ == "__main__":
    run(main)
