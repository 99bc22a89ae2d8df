// What a program sees when its device dies under it. Four threads wait in four ways; each prints the error it got and
// how long after the first one. `lost ready`: says "ready" once all of them are busy, so that someone can kill the
// worker. `lost crash`: kills its worker itself, by a kernel that writes far out of bounds. `lost alone`: one thread
// calls in a loop.
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "simple.h"

namespace {

constexpr const char* source = R"CL(
kernel void work(global int* v, int rounds) {
  int x = v[get_global_id(0)];
  for (int i = 0; i < rounds; ++i) x = x * 1664525 + 1013904223;
  v[get_global_id(0)] = x;
}
kernel void wild(global int* v, ulong far) { *(global int*)((ulong)v + far * (get_global_id(0) + 1)) = 1; }
)CL";

using Clock = std::chrono::steady_clock;
std::atomic<int> busy{0};

struct Waiter {
  const char* name;
  cl_int (*once)(const simple::Device& device, cl_kernel kernel, cl_mem memory);
};

cl_int enqueue(const simple::Device& device, cl_kernel kernel, cl_event* event) {
  const std::size_t items = 512;
  return clEnqueueNDRangeKernel(device.queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, event);
}

cl_int by_finish(const simple::Device& device, cl_kernel kernel, cl_mem) {
  const cl_int code = enqueue(device, kernel, nullptr);
  return code != CL_SUCCESS ? code : clFinish(device.queue);
}

cl_int by_event(const simple::Device& device, cl_kernel kernel, cl_mem) {
  cl_event event = nullptr;
  cl_int code = enqueue(device, kernel, &event);
  if (code == CL_SUCCESS) code = clWaitForEvents(1, &event);
  if (event != nullptr) clReleaseEvent(event);
  return code;
}

cl_int by_read(const simple::Device& device, cl_kernel kernel, cl_mem memory) {
  int values[16];
  const cl_int code = enqueue(device, kernel, nullptr);
  if (code != CL_SUCCESS) return code;
  return clEnqueueReadBuffer(device.queue, memory, CL_TRUE, 0, sizeof values, values, 0, nullptr, nullptr);
}

cl_int by_polling(const simple::Device& device, cl_kernel kernel, cl_mem) {
  cl_event event = nullptr;
  cl_int code = enqueue(device, kernel, &event), status = CL_QUEUED;
  if (code == CL_SUCCESS) code = clFlush(device.queue);
  while (code == CL_SUCCESS && status > CL_COMPLETE) {
    code = clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
    std::this_thread::yield();
  }
  if (event != nullptr) clReleaseEvent(event);
  return code != CL_SUCCESS ? code : status;
}

constexpr Waiter waiters[] = {{"finish", by_finish}, {"event", by_event}, {"read", by_read}, {"poll", by_polling}};

cl_kernel make_kernel(cl_program program, const char* name, cl_mem memory, int rounds) {
  cl_int code = CL_SUCCESS;
  cl_kernel kernel = clCreateKernel(program, name, &code);
  simple::must(code, "clCreateKernel");
  simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "argument 0");
  simple::must(clSetKernelArg(kernel, 1, sizeof rounds, &rounds), "argument 1");
  return kernel;
}

// Calls until an error comes, for at most 60 s. Prints "NAME error CODE".
void wait_until_lost(const simple::Device& shared, cl_program program, const Waiter& waiter) {
  simple::Device own = shared;
  cl_int code = CL_SUCCESS;
  own.queue = clCreateCommandQueue(own.context, own.device, 0, &code);
  simple::must(code, "clCreateCommandQueue");
  cl_mem memory = simple::buffer(own, 4096);
  cl_kernel kernel = make_kernel(program, "work", memory, 20'000);
  const auto end = Clock::now() + std::chrono::seconds(60);
  code = waiter.once(own, kernel, memory);
  ++busy;
  while (code == CL_SUCCESS && Clock::now() < end) code = waiter.once(own, kernel, memory);
  std::printf("%s error %d\n", waiter.name, code);
  std::fflush(stdout);
}

cl_program build(const simple::Device& device) {
  const char* text = source;
  cl_int code = CL_SUCCESS;
  cl_program program = clCreateProgramWithSource(device.context, 1, &text, nullptr, &code);
  simple::must(clBuildProgram(program, 1, &device.device, "", nullptr, nullptr), "clBuildProgram");
  return program;
}

void go_wild(const simple::Device& device, cl_program program) {
  cl_mem memory = simple::buffer(device, 4096);
  cl_int code = CL_SUCCESS;
  cl_kernel kernel = clCreateKernel(program, "wild", &code);
  const cl_ulong far = 1ull << 43;
  simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "argument 0");
  simple::must(clSetKernelArg(kernel, 1, sizeof far, &far), "argument 1");
  std::printf("wild error %d\n", simple::run(device, kernel, 64));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "ready";
  const simple::Device device = simple::open();
  cl_program program = build(device);
  if (mode == "alone") {
    wait_until_lost(device, program, waiters[0]);
    return 0;
  }
  std::vector<std::thread> threads;
  for (const Waiter& waiter : waiters) threads.emplace_back([&] { wait_until_lost(device, program, waiter); });
  while (busy < 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::printf("ready\n");
  std::fflush(stdout);
  if (mode == "crash") go_wild(device, program);
  for (auto& thread : threads) thread.join();
  cl_int code = CL_SUCCESS;
  cl_mem more = clCreateBuffer(device.context, CL_MEM_READ_WRITE, 64, nullptr, &code);
  std::printf("afterwards: create %s\n", more == nullptr ? "fails" : "works");
  simple::Device again;
  std::printf("afterwards: open anew %d\n", simple::try_open(again));
  return 0;
}
