#!/usr/bin/python3
"""A program for the scenarios: 240 contexts one after another in one process, each with a queue, a program, a kernel
and buffers of its own; the last eight are alive at any time. Prints a checksum for each tenth, compared with what the
host works out, and on stderr how many descriptors and threads the process had after the fortieth and has at the end."""

import collections
import gc
import os
import sys
import zlib

import numpy as np
import pyopencl as cl

CONTEXTS = 240
SETTLED = 40
ALIVE = 8
SOURCE = """
kernel void add(global const int *a, global int *b, int k) { size_t i = get_global_id(0); b[i] += a[i] * k; }
"""

host = np.arange(3000, dtype=np.int32)


class Short:
    """A context that lives for a few launches."""

    def __init__(self, number):
        self.number = number
        self.context = cl.create_some_context(interactive=False)
        self.queue = cl.CommandQueue(self.context)
        self.kernel = cl.Kernel(cl.Program(self.context, SOURCE).build(), "add")
        flags = cl.mem_flags
        self.read = cl.Buffer(self.context, flags.READ_ONLY | flags.COPY_HOST_PTR, hostbuf=host)
        self.written = cl.Buffer(self.context, flags.READ_WRITE, host.nbytes)
        cl.enqueue_fill_buffer(self.queue, self.written, np.int32(number), 0, host.nbytes)

    def launch(self):
        self.kernel(self.queue, host.shape, None, self.read, self.written, np.int32(self.number))

    def result(self):
        got = np.empty_like(host)
        cl.enqueue_copy(self.queue, got, self.written)
        return got


def held():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def main():
    alive = collections.deque(maxlen=ALIVE)
    settled = held()
    wrong = 0
    for number in range(CONTEXTS):
        alive.append(Short(number))
        for short in alive:  # the older ones go on while new ones come and go
            short.launch()
        oldest = alive[0]
        launches = min(number + 1, ALIVE)
        got = oldest.result()
        right = np.array_equal(got, host * oldest.number * launches + oldest.number)
        wrong += not right
        if number % 10 == 9:
            print(f"context {oldest.number}: {zlib.crc32(got.tobytes()):08x} {'right' if right else 'WRONG'}")
        if number == SETTLED:
            settled = held()
    alive.clear()
    end = held()
    print(f"{CONTEXTS} contexts, {wrong} wrong")
    print(f"descriptors {settled[0]} {end[0]} threads {settled[1]} {end[1]}", file=sys.stderr)


main()
