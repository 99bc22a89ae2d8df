#!/usr/bin/python3
"""A program for the scenarios: a pool of worker processes, each with OpenCL of its own.

    many_workers.py spawn|fork first|last      the parent uses OpenCL before its workers start too, or only afterwards

Prints the same however the workers are started: a checksum for each task, compared with what the host works out."""

import multiprocessing
import os
import sys
import zlib

import numpy as np

WORKERS = 4
TASKS = 24
SOURCE = """
kernel void turn(global uint *v, uint key)
{ size_t i = get_global_id(0); v[i] = rotate(v[i] * 2654435761u ^ key, key & 31u); }
"""

device = None


class Device:
    def __init__(self):
        import pyopencl  # here, so that the parent has not even loaded it before it forks

        self.cl = pyopencl
        self.context = pyopencl.create_some_context(interactive=False)
        self.queue = pyopencl.CommandQueue(self.context)
        self.turn = pyopencl.Program(self.context, SOURCE).build().turn

    def run(self, task):
        values = np.arange(5000, dtype=np.uint32) + np.uint32(task)
        flags = self.cl.mem_flags
        memory = self.cl.Buffer(self.context, flags.READ_WRITE | flags.COPY_HOST_PTR, hostbuf=values)
        for key in range(task, task + 8):
            self.turn(self.queue, values.shape, None, memory, np.uint32(key))
        got = np.empty_like(values)
        self.cl.enqueue_copy(self.queue, got, memory)
        return got


def on_host(task):
    values = (np.arange(5000, dtype=np.uint32) + np.uint32(task)).astype(np.uint64)
    low = np.uint64(0xFFFFFFFF)
    for key in range(task, task + 8):
        values = (values * np.uint64(2654435761) & low) ^ np.uint64(key)
        turn = np.uint64(key & 31)
        values = (values << turn | values >> (np.uint64(32) - turn)) & low
    return values.astype(np.uint32)


def say(who, task, got):
    return f"{who}: {zlib.crc32(got.tobytes()):08x} {'right' if np.array_equal(got, on_host(task)) else 'WRONG'}"


def open_device():
    """What a worker does first: with a parent's device at hand it would still need its own."""
    global device
    device = Device()


def work(task):
    return say(f"task {task}", task, device.run(task)), os.getpid()


def main():
    method, when = sys.argv[1:3]
    mine = Device() if when == "first" else None
    if mine:
        print(say("parent before", 1000, mine.run(1000)))
    with multiprocessing.get_context(method).Pool(WORKERS, open_device) as workers:
        done = workers.map(work, range(TASKS), chunksize=1)
        workers.close()
        workers.join()
    print("\n".join(line for line, _ in done))
    print("in other processes:", os.getpid() not in {pid for _, pid in done})
    mine = mine or Device()
    print(say("parent afterwards", 1001, mine.run(1001)))


if __name__ == "__main__":
    main()
