// A program with many kernels that launches one of them again and again, with pauses: `pauses ROUNDS PAUSE_MS KERNELS`.
// Prints "ready" after the first launch and "slowest N ms" in the end, of all that followed.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "simple.h"

namespace {

using Clock = std::chrono::steady_clock;

// With the process's number in it, so that nothing of it is found in a cache.
std::string source_of(int kernels) {
  std::string source;
  for (int i = 0; i < kernels; ++i)
    source += "kernel void k" + std::to_string(i) +
              "(global uint* v) { v[get_global_id(0)] += " + std::to_string(getpid()) + "u * " + std::to_string(i + 1) +
              "u; }\n";
  return source;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fputs("pauses ROUNDS PAUSE_MS KERNELS\n", stderr), 2;
  const int rounds = std::atoi(argv[1]), pause_ms = std::atoi(argv[2]);
  const simple::Device device = simple::open();
  cl_kernel kernel = simple::build(device, source_of(std::atoi(argv[3])).c_str(), "k0");
  cl_mem memory = simple::buffer(device, 4096);
  simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "argument 0");
  simple::must(simple::run(device, kernel, 1024), "the first launch");
  std::puts("ready"), std::fflush(stdout);
  Clock::duration slowest{};
  for (int round = 0; round < rounds; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    const auto begun = Clock::now();
    simple::must(simple::run(device, kernel, 1024), "a launch");
    slowest = std::max(slowest, Clock::now() - begun);
  }
  std::printf("slowest %ld ms\n",
              static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(slowest).count()));
  return 0;
}
