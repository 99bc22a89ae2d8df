#!/usr/bin/python3
"""leela-zero plays the first moves of a game with a small network of always the same weights: the same moves on both
sides, and the same count of visits to each move it considered. It is given the parameters of its matrix product, for
which it would search for minutes, to find others from time to time. It takes nothing but GPUs; natively the device
is told to call itself one."""

import os
import random
import re

from pool import native_as_gpu
from scenario import run

MOVES = 4
# One of those that its tuner finds for this network, for kernels of m = 16, n = 25, k = 16, in batches of 36.
TUNED = ("1;XgemmBatched;16;25;16;36; -DKWG=16 -DKWI=2 -DMDIMA=8 -DMDIMC=8 -DMWG=16 -DNDIMB=8 -DNDIMC=8 -DNWG=32 "
         "-DSA=1 -DSB=1 -DSTRM=0 -DSTRN=0 -DTCE=0 -DVWM=2 -DVWN=4")


def write_net(folder):
    """A small network of the shape that leela-zero plays with (format 1): 2 blocks of 16 filters, always the same."""
    weights = random.Random(1)

    def line(count, low=-0.1, high=0.1):
        return " ".join(f"{weights.uniform(low, high):.4f}" for _ in range(count))

    def convolution(inputs, outputs, width):
        return [line(inputs * outputs * width * width), line(outputs), line(outputs), line(outputs, 0.5, 1.5)]

    filters, board = 16, 361
    lines = ["1"] + convolution(18, filters, 3)
    for _ in range(4):
        lines += convolution(filters, filters, 3)
    lines += convolution(filters, 2, 1) + [line(2 * board * 362), line(362)]
    lines += convolution(filters, 1, 1) + [line(board * 256), line(256), line(256), line(1)]
    path = os.path.join(folder, "net.txt")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    return path


def tune(scenario, side):
    """Leaves the parameters where leela-zero looks for them, which it does by the name of the device."""
    told = side.run(["clinfo", "--raw"]).stdout
    device = [re.search(rf"CL_DEVICE_{name}\s+(.*\S)", told) for name in ("VENDOR", "NAME", "MAX_CLOCK_FREQUENCY")]
    if scenario.check(all(device), f"clinfo names the device in {side.name}", told):
        folder = os.path.join(side.home, ".local", "share", "leela-zero")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "leelaz_opencl_tuning"), "w", encoding="utf-8") as file:
            file.write("{};OpenCL: {} {} @ {}MHz\n".format(TUNED, *(found[1] for found in device)))


def play(scenario, side, net):
    """What is compared: the moves, and how often each was visited."""
    tune(scenario, side)
    game = "".join(f"genmove {'bw'[move % 2]}\n" for move in range(MOVES)) + "quit\n"
    ended = side.run(["/usr/games/leelaz", "-g", "-w", net, "-t", "1", "-v", "60", "--noponder", "-s", "7", "-r", "0",
                      "--batchsize", "1", "--precision", "single"], 1200, stdin=game, cwd=scenario.work)
    scenario.check(ended.returncode == 0, f"plays in {side.name}", ended.stderr)
    scenario.check("Loaded existing SGEMM tuning" in ended.stderr, f"has not to be tuned in {side.name}", ended.stderr)
    moves = re.findall(r"^= ([A-T]\d+|pass|resign)", ended.stdout, re.MULTILINE)
    scenario.check(len(moves) == MOVES, f"makes {MOVES} moves in {side.name}: {' '.join(moves)}", ended.stdout)
    return moves, re.findall(r"^ *([A-T]\d+|pass) -> +(\d+) ", ended.stderr, re.MULTILINE)


def main(scenario):
    net = write_net(scenario.work)
    wanted = play(scenario, native_as_gpu(scenario.build, scenario.makes), net)
    got = play(scenario, scenario.pool, net)
    scenario.check(wanted[0] == got[0], "makes the same moves")
    scenario.check(wanted[1] == got[1] and len(wanted[1]) >= MOVES, f"visits the same {len(wanted[1])} moves as often",
                   f"natively:    {wanted[1]}\nin the pool: {got[1]}")
    launches = sum(session["usage"]["launches"] for session in scenario.pool.ended_sessions())
    scenario.check(launches > 100 * MOVES, f"launched {launches} kernels in the pool")


if __name__ == "__main__":
    run(main)
