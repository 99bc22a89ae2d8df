// A program whose kernel takes the driver long to compile, which PoCL does at the launch: `compiles [STATEMENTS]`.
// Prints "launching" before it and "ran" when the kernel has ended with the right result.
#include <unistd.h>

#include <cstdint>
#include <string>

#include "simple.h"

namespace {

struct Statements {
  std::string text;
  std::uint32_t result = 1;
};

// Each of its own, so that nothing of them is found in a cache.
Statements make_statements(int count) {
  Statements made;
  auto seed = static_cast<std::uint32_t>(getpid());
  for (int i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    made.text += "x = (x ^ " + std::to_string(seed) + "u) * 3u; if (x & 64u) x += n;\n";
    made.result = (made.result ^ seed) * 3;
    if ((made.result & 64) != 0) made.result += 5;
  }
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  const Statements statements = make_statements(argc > 1 ? std::atoi(argv[1]) : 3000);
  const simple::Device device = simple::open();
  const std::string source =
      "kernel void long_one(global uint* v, uint n) { uint x = v[0];\n" + statements.text + "v[0] = x; }";
  cl_kernel kernel = simple::build(device, source.c_str(), "long_one");
  cl_mem memory = simple::buffer(device, 4);
  const cl_uint n = 5;
  cl_uint value = 1;
  simple::must(clEnqueueWriteBuffer(device.queue, memory, CL_TRUE, 0, 4, &value, 0, nullptr, nullptr), "the write");
  simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "argument 0");
  simple::must(clSetKernelArg(kernel, 1, sizeof n, &n), "argument 1");
  std::puts("launching"), std::fflush(stdout);
  simple::must(simple::run(device, kernel, 1), "the kernel");
  simple::must(clEnqueueReadBuffer(device.queue, memory, CL_TRUE, 0, 4, &value, 0, nullptr, nullptr), "the read");
  if (value != statements.result) std::fprintf(stderr, "%u, not %u\n", value, statements.result);
  if (value != statements.result) return 1;
  std::puts("ran");
  return 0;
}
