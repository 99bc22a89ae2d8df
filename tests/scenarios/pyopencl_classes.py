#!/usr/bin/python3
"""A program for the scenarios, natively and in the pool: pyopencl's element-wise, reduction and scan kernels, its radix
sort and its random numbers. Prints checksums of whole numbers, so that two runs must agree to the letter.

    pyopencl_classes.py [brief]      brief: without those whose kernels take minutes to compile"""

import sys
import zlib

import numpy as np
import pyopencl as cl
import pyopencl.array as cl_array
from pyopencl.algorithm import RadixSort, copy_if, partition, unique
from pyopencl.clrandom import PhiloxGenerator
from pyopencl.elementwise import ElementwiseKernel
from pyopencl.reduction import ReductionKernel
from pyopencl.scan import GenericScanKernel

context = cl.create_some_context(interactive=False)
queue = cl.CommandQueue(context)
host = (np.arange(20_000, dtype=np.int64) * 7919 % 10_007).astype(np.int32)
device = cl_array.to_device(queue, host)


def say(what, array, wanted=None):
    array = np.ascontiguousarray(array)
    right = "" if wanted is None else " right" if np.array_equal(array, np.atleast_1d(wanted)) else " WRONG"
    print(f"{what}: {zlib.crc32(array.tobytes()):08x}{right}")


def element_wise():
    out = cl_array.empty_like(device)
    kernel = ElementwiseKernel(context, "int k, int *x, int *out", "out[i] = k * x[i] + i", "combine")
    kernel(3, device, out)
    say("element-wise", out.get(), 3 * host + np.arange(len(host), dtype=np.int32))
    say("array arithmetic", (device * 2 + device).get(), host * 3)


def reduction():
    total = ReductionKernel(context, np.int64, neutral="0", reduce_expr="a+b", map_expr="(long)x[i]*x[i]",
                            arguments="__global const int *x")(device).get()
    say("reduction", total, np.sum(host.astype(np.int64) ** 2))
    say("maximum", cl_array.max(device).get(), host.max())


def scans():
    out = cl_array.empty_like(device)
    scan = GenericScanKernel(context, np.int32, arguments="__global int *x, __global int *out", input_expr="x[i]",
                             scan_expr="a+b", neutral="0", output_statement="out[i] = item;")
    scan(device, out, queue=queue)
    say("scan", out.get(), np.cumsum(host, dtype=np.int32))
    chosen, count, _ = copy_if(device, "ary[i] % 3 == 0")
    say("copy_if", chosen.get()[:int(count.get())], host[host % 3 == 0])


def scans_that_split():
    low, high, count, _ = partition(device, "ary[i] < 5000")
    split = int(count.get())
    say("partition", np.concatenate([low.get()[:split], high.get()[:len(host) - split]]),
        np.concatenate([host[host < 5000], host[host >= 5000]]))
    ordered = np.sort(host)
    first, count, _ = unique(cl_array.to_device(queue, ordered))
    say("unique", first.get()[:int(count.get())], np.unique(ordered))


def radix_sort():
    sort = RadixSort(context, "int *keys", key_expr="keys[i]", sort_arg_names=["keys"], key_dtype=np.int32)
    (ordered,), event = sort(device, key_bits=14)
    event.wait()
    say("radix sort", ordered.get(), np.sort(host))


def random_numbers():
    generator = PhiloxGenerator(context, seed=15)
    numbers = generator.uniform(queue, 10_000, np.int32, a=0, b=1000).get()
    say("random numbers", numbers)
    print("within bounds:", bool(numbers.min() >= 0 and numbers.max() < 1000))


element_wise()
reduction()
scans()
if "brief" not in sys.argv[1:]:
    scans_that_split()
    radix_sort()
random_numbers()
