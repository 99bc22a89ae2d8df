// The least that a small OpenCL program needs: the first device, a context, a queue, a program; and an exit with one
// line on stderr when a call fails that must not.
#pragma once

#include <CL/cl.h>

#include <cstdio>
#include <cstdlib>

namespace simple {

inline void must(cl_int code, const char* what) {
  if (code == CL_SUCCESS) return;
  std::fprintf(stderr, "%s: error %d\n", what, code);
  std::exit(1);
}

struct Device {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  cl_context context = nullptr;
  cl_command_queue queue = nullptr;
};

// The error of the first call that fails, or CL_SUCCESS.
inline cl_int try_open(Device& made, cl_command_queue_properties properties = 0) {
  cl_int code = clGetPlatformIDs(1, &made.platform, nullptr);
  if (code == CL_SUCCESS) code = clGetDeviceIDs(made.platform, CL_DEVICE_TYPE_ALL, 1, &made.device, nullptr);
  if (code == CL_SUCCESS) made.context = clCreateContext(nullptr, 1, &made.device, nullptr, nullptr, &code);
  if (code == CL_SUCCESS) made.queue = clCreateCommandQueue(made.context, made.device, properties, &code);
  return code;
}

inline Device open(cl_command_queue_properties properties = 0) {
  Device made;
  must(try_open(made, properties), "opening the first device");
  return made;
}

inline cl_kernel build(const Device& on, const char* source, const char* name) {
  cl_int code = CL_SUCCESS;
  cl_program program = clCreateProgramWithSource(on.context, 1, &source, nullptr, &code);
  must(code, "clCreateProgramWithSource");
  must(clBuildProgram(program, 1, &on.device, "", nullptr, nullptr), "clBuildProgram");
  cl_kernel kernel = clCreateKernel(program, name, &code);
  must(code, "clCreateKernel");
  return kernel;
}

inline cl_mem buffer(const Device& on, std::size_t bytes) {
  cl_int code = CL_SUCCESS;
  cl_mem made = clCreateBuffer(on.context, CL_MEM_READ_WRITE, bytes, nullptr, &code);
  must(code, "clCreateBuffer");
  return made;
}

// Runs `kernel` over `items`, and waits.
inline cl_int run(const Device& on, cl_kernel kernel, std::size_t items) {
  const cl_int code = clEnqueueNDRangeKernel(on.queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr);
  return code != CL_SUCCESS ? code : clFinish(on.queue);
}

inline constexpr const char* square_source =
    "kernel void square(global int* v) { int i = get_global_id(0); v[i] = i * i; }";

// A whole round: build, launch, read back, compare. The sum of the squares below 100 on success (328350), or -1.
inline long squares(const Device& on) {
  cl_kernel kernel = build(on, square_source, "square");
  cl_mem memory = buffer(on, 400);
  must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
  must(run(on, kernel, 100), "the kernel");
  int values[100];
  must(clEnqueueReadBuffer(on.queue, memory, CL_TRUE, 0, 400, values, 0, nullptr, nullptr), "the read");
  long sum = 0;
  for (int i = 0; i < 100; ++i) sum = values[i] == i * i ? sum + values[i] : -1;
  clReleaseMemObject(memory);
  clReleaseKernel(kernel);
  return sum;
}

}  // namespace simple
