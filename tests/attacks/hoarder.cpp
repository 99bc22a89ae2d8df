// A tenant's program that makes its worker keep or compute more than its slice, by calls of the API alone.
//
//   hoarder commands COUNT BYTES   commands that wait for an event which never comes, each with so many bytes
//   hoarder macros LEVELS          a program whose macros grow fourfold a level
// Prints "ready" when it has asked for all, or "error N"; then it waits for a line, or the end of input.
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/programs/simple.h"

namespace {

void say(cl_int code) {
  if (code == CL_SUCCESS) std::puts("ready");
  else std::printf("error %d\n", code);
  std::fflush(stdout);
}

cl_int hoard_commands(const simple::Device& device, long count, std::size_t bytes) {
  cl_int code = CL_SUCCESS;
  cl_event never = clCreateUserEvent(device.context, &code);
  simple::must(code, "clCreateUserEvent");
  cl_mem memory = simple::buffer(device, bytes);
  std::vector<char> data(bytes, 'x');
  for (long i = 0; i < count && code == CL_SUCCESS; ++i)
    code = clEnqueueWriteBuffer(device.queue, memory, CL_FALSE, 0, bytes, data.data(), 1, &never, nullptr);
  clFlush(device.queue);
  return code;
}

cl_int build_macros(const simple::Device& device, int levels) {
  std::string source = "#define A0 v[0] += 1;\n";
  for (int i = 1; i <= levels; ++i) {
    const std::string before = "A" + std::to_string(i - 1) + " ";
    source += "#define A" + std::to_string(i) + " " + before + before + before + before + "\n";
  }
  source += "kernel void bomb(volatile global int* v) { A" + std::to_string(levels) + " }\n";
  const char* text = source.c_str();
  cl_int code = CL_SUCCESS;
  cl_program program = clCreateProgramWithSource(device.context, 1, &text, nullptr, &code);
  simple::must(code, "clCreateProgramWithSource");
  return clBuildProgram(program, 1, &device.device, "", nullptr, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const simple::Device device = simple::open();
  if (std::strcmp(argv[1], "macros") == 0) say(build_macros(device, std::atoi(argv[2])));
  else say(hoard_commands(device, std::atol(argv[2]), static_cast<std::size_t>(std::atol(argv[3]))));
  std::string line;
  std::getline(std::cin, line);
  _exit(0);
}
