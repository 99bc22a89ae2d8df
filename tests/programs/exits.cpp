// Programs end in many ways; none may hang or crash. What is printed must be the same natively and under the shim.
//   leak          returns from main with everything alive and work in flight
//   atexit        calls from handlers registered before and after the first API call
//   static        calls from a static object's destructor
//   quick         _exit with work in flight
//   thread        returns from main while another thread calls without end
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "simple.h"

namespace {

simple::Device device;
cl_kernel kernel = nullptr;
cl_mem memory = nullptr;

void enqueue_some(int launches) {
  const std::size_t items = 100;
  for (int i = 0; i < launches; ++i) {
    simple::must(clEnqueueNDRangeKernel(device.queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr),
                 "the launch");
  }
  clFlush(device.queue);
}

void prepare() {
  device = simple::open();
  kernel = simple::build(device, simple::square_source, "square");
  memory = simple::buffer(device, 400);
  simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
}

void late_calls(const char* from) {
  if (device.queue == nullptr) return;
  enqueue_some(3);
  const cl_int finished = clFinish(device.queue);
  int values[100] = {};
  const cl_int read = clEnqueueReadBuffer(device.queue, memory, CL_TRUE, 0, 400, values, 0, nullptr, nullptr);
  std::printf("%s: finish %d, read %d, value %d\n", from, finished, read, values[99]);
}

void release_all() {
  std::printf("release %d %d %d %d\n", clReleaseMemObject(memory), clReleaseKernel(kernel),
              clReleaseCommandQueue(device.queue), clReleaseContext(device.context));
}

struct Guard {
  bool armed = false;
  ~Guard() {
    if (!armed) return;
    late_calls("static destructor");
    release_all();
  }
} guard;

void call_for_ever() {
  for (;;) {
    const std::size_t items = 1;
    clEnqueueNDRangeKernel(device.queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr);
    clFinish(device.queue);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "leak";
  if (mode == "atexit") std::atexit([] { late_calls("early atexit"); });
  prepare();
  if (mode == "atexit") std::atexit([] { late_calls("late atexit"); });
  if (mode == "static") guard.armed = true;
  enqueue_some(100);
  std::printf("main ends: %s\n", mode.c_str());
  std::fflush(stdout);
  if (mode == "quick") _exit(7);
  if (mode == "thread") {
    std::thread(call_for_ever).detach();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return 5;
}
