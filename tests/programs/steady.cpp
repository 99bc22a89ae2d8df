// A program that works without end and checks every result: `steady SECONDS [PAUSE_MS]`. Prints "ready" after the first
// round and "rounds N" at the end, which SIGUSR1 brings forward; a wrong result or an error ends it with status 1.
#include <chrono>
#include <csignal>
#include <thread>

#include "simple.h"

namespace {
volatile std::sig_atomic_t enough = 0;
}

int main(int argc, char** argv) {
  std::signal(SIGUSR1, [](int) { enough = 1; });
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const int pause_ms = argc > 2 ? std::atoi(argv[2]) : 0;
  const simple::Device device = simple::open();
  cl_kernel kernel =
      simple::build(device, "kernel void add(global uint* v, uint n) { v[get_global_id(0)] += n; }", "add");
  constexpr std::size_t count = 4096;
  cl_mem memory = simple::buffer(device, count * 4);
  static cl_uint values[count];
  cl_uint wanted = 0;
  simple::must(clEnqueueWriteBuffer(device.queue, memory, CL_TRUE, 0, sizeof values, values, 0, nullptr, nullptr),
               "the write");
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  cl_uint rounds = 0;
  while (rounds == 0 || (enough == 0 && std::chrono::steady_clock::now() < end)) {
    ++rounds;
    wanted += rounds;
    simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "argument 0");
    simple::must(clSetKernelArg(kernel, 1, sizeof rounds, &rounds), "argument 1");
    simple::must(simple::run(device, kernel, count), "the kernel");
    simple::must(clEnqueueReadBuffer(device.queue, memory, CL_TRUE, 0, sizeof values, values, 0, nullptr, nullptr),
                 "the read");
    for (const cl_uint value : values) {
      if (value == wanted) continue;
      std::fprintf(stderr, "round %u: %u, not %u\n", rounds, value, wanted);
      return 1;
    }
    if (rounds == 1) std::puts("ready"), std::fflush(stdout);
    if (pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
  }
  std::printf("rounds %u\n", rounds);
  return 0;
}
