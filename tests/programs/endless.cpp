// A kernel that never ends. Prints "ready" once it runs, and waits for it.
#include <chrono>
#include <thread>

#include "simple.h"

int main() {
  const simple::Device device = simple::open();
  cl_kernel kernel = simple::build(
      device, "kernel void spin(volatile global int* stop) { while (*stop == 0) *(stop + 1) += 1; }", "spin");
  cl_mem memory = simple::buffer(device, 64);
  const int zero = 0;
  const std::size_t items = 1;
  simple::must(clEnqueueFillBuffer(device.queue, memory, &zero, sizeof zero, 0, 64, 0, nullptr, nullptr), "the fill");
  simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
  simple::must(clEnqueueNDRangeKernel(device.queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr),
               "the launch");
  clFlush(device.queue);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // a driver need not tell when it starts
  std::puts("ready");
  std::fflush(stdout);
  std::printf("finish %d\n", clFinish(device.queue));
  return 0;
}
