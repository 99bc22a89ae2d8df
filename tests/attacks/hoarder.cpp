// A tenant's program that makes its worker keep or compute more than its slice, by calls of the API alone.
//
//   hoarder commands COUNT   launches that wait for an event which never comes, each with a kibibyte of arguments
//   hoarder macros LEVELS    a program whose macros grow fourfold a level
// Prints "ready" when it has asked for all, or "error N"; then it waits for a line, or the end of input.
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "tests/programs/simple.h"

namespace {

void say(cl_int code) {
  if (code == CL_SUCCESS) std::puts("ready");
  else std::printf("error %d\n", code);
  std::fflush(stdout);
}

// Each launch takes a kibibyte by value.
cl_int hoard_commands(const simple::Device& device, long count) {
  cl_int code = CL_SUCCESS;
  cl_event never = clCreateUserEvent(device.context, &code);
  simple::must(code, "clCreateUserEvent");
  cl_kernel kernel = simple::build(
      device,
      "typedef struct { int all[240]; } Much; kernel void take(global int* v, Much much) { v[0] = much.all[v[1]]; }",
      "take");
  cl_mem memory = simple::buffer(device, 64);
  const std::vector<int> much(240);
  simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
  simple::must(clSetKernelArg(kernel, 1, much.size() * sizeof(int), much.data()), "clSetKernelArg");
  const std::size_t items = 1;
  for (long i = 0; i < count && code == CL_SUCCESS; ++i)
    code = clEnqueueNDRangeKernel(device.queue, kernel, 1, nullptr, &items, &items, 1, &never, nullptr);
  clFlush(device.queue);
  return code;
}

cl_int build_macros(const simple::Device& device, int levels) {
  std::string source = "#define A0 1,\n";
  for (int i = 1; i <= levels; ++i) {
    const std::string before = "A" + std::to_string(i - 1) + " ";
    source += "#define A" + std::to_string(i) + " " + before + before + before + before + "\n";
  }
  source += "constant int bomb[] = {A" + std::to_string(levels) + " 0};\n";
  source += "kernel void look(global int* v) { v[0] = bomb[v[1]]; }\n";
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
  else say(hoard_commands(device, std::atol(argv[2])));
  std::string line;
  std::getline(std::cin, line);
  _exit(0);
}
