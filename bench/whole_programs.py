"""The whole programs that bench/run measures: their commands and the inputs that they work on, always the same."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenarios"))

from leela_zero import write_net  # noqa: E402  (found by the path above)


def write_hashes(folder):
    """A list of MD5 hashes, whose words hashcat finds at the end of the mask or not at all: always the same work."""
    path = os.path.join(folder, "md5.txt")
    with open(path, "w", encoding="ascii") as file:
        file.write("d41d8cd98f00b204e9800998ecf8427e\n")
    return path


def write_picture(folder):
    path = os.path.join(folder, "in.png")
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1600x1200", "-frames:v", "1", path],
                   check=True)
    return path


def write_video(folder):
    path = os.path.join(folder, "in.y4m")
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=4",
                    "-pix_fmt", "yuv420p", path], check=True)
    return path


def program_list(build, folder):
    """{name: (command, exit status)}."""
    scenarios = os.path.join(ROOT, "tests", "scenarios")
    video = ["ffmpeg", "-v", "error", "-nostdin", "-init_hw_device", "opencl=cl", "-filter_hw_device", "cl",
             "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=10:duration=4", "-vf",
             "format=yuv420p,hwupload,avgblur_opencl=sizeX=3:sizeY=3,unsharp_opencl,hwdownload,format=yuv420p", "-f",
             "framemd5", "-"]
    return {
        "clinfo": (["clinfo"], 0),
        "clpeak, transfers and latency": (["clpeak", "--transfer-bandwidth", "--kernel-latency"], 0),
        "hashcat -b -m 0": (["hashcat", "-b", "-m", "0"], 0),
        "hashcat, a mask of MD5 to its end": (["hashcat", "-m", "0", "-a", "3", "--potfile-disable", "--quiet",
                                               write_hashes(folder), "?l?l?l?l?l?l"], 1),
        "pyopencl: scan, sort, reduction, random": (["/usr/bin/python3",
                                                     os.path.join(scenarios, "pyopencl_classes.py")], 0),
        "pyopencl: 240 contexts": (["/usr/bin/python3", os.path.join(scenarios, "many_contexts.py")], 0),
        "pyopencl: worker processes": (["/usr/bin/python3", os.path.join(scenarios, "many_workers.py"), "spawn",
                                        "first"], 0),
        "32 threads, a queue each": ([os.path.join(build, "programs", "threads"), "one"], 0),
        "clblast_test_xaxpy": (["clblast_test_xaxpy"], 0),
        "CLBlast: routines": ([os.path.join(build, "programs", "blas")], 0),
        "clblast_tuner_xaxpy": (["clblast_tuner_xaxpy", "-n", "1048576", "-runs", "2"], 0),
        "clFFT-client 2D": (["clFFT-client", "-x", "512", "-y", "512", "-p", "20"], 0),
        "ffmpeg: blur and sharpen": (video, 0),
        "OpenCV: twelve filters": (["/usr/bin/python3", os.path.join(scenarios, "opencv_filters.py")], 0),
        "GEGL: bilateral filter": (["env", "GEGL_USE_OPENCL=yes", "gegl", write_picture(folder), "-o",
                                    os.path.join(folder, "out.ppm"), "--", "bilateral-filter"], 0),
        "x264 with OpenCL's look-ahead": (["x264", "--quiet", "--opencl", "--threads", "1", "-o",
                                           os.path.join(folder, "out.264"), write_video(folder)], 0),
        "leela-zero: two moves": (["sh", "-c", "printf 'genmove b\\ngenmove w\\nquit\\n' | /usr/games/leelaz -g -w "
                                   f"{write_net(folder)} -t 1 -v 60 --noponder -s 7 -r 0 --batchsize 1 "
                                   "--precision single"], 0),
    }
