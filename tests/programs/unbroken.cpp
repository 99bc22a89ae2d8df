// A program whose device always has work: `unbroken SECONDS [BUFFERS MIB [WRITTEN_PER_S]]`. Two short kernels are in
// flight at all times; beside them it keeps BUFFERS of MIB each and writes WRITTEN_PER_S of them a second. Prints
// "ready" once it runs, and at the end "launches N", "median_us N", and "gap_us N at_ms T" for each of the longest
// times between two ends of kernels, by CLOCK_MONOTONIC. A wrong value in any buffer, or an error, ends it with
// status 1.
#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

#include "simple.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t counters = 256;
constexpr std::size_t gaps_told = 100;
constexpr const char* source =
    "kernel void advance(global uint* v, uint rounds) {"
    "  uint x = v[get_global_id(0)];"
    "  for (uint i = 0; i < rounds; ++i) x = x * 1664525u + 1013904223u;"
    "  v[get_global_id(0)] = x; }"
    "kernel void raise(global uint* v) { v[get_global_id(0)] += 1; }";
constexpr cl_uint rounds = 20'000;

cl_uint stepped(cl_uint x, std::size_t launches) {
  for (std::size_t i = 0; i < launches * rounds; ++i) x = x * 1664525u + 1013904223u;
  return x;
}

struct Gap {
  double us = 0, at_ms = 0;
};

double us_since(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double, std::micro>(end - start).count();
}

cl_kernel kernel_of(cl_program program, const char* name) {
  cl_int code = CL_SUCCESS;
  cl_kernel kernel = clCreateKernel(program, name, &code);
  simple::must(code, name);
  return kernel;
}

class Load {
 public:
  Load(std::size_t buffers, std::size_t mib) : words_(mib << 18), touched_(buffers) {
    cl_int code = CL_SUCCESS;
    const char* text = source;
    cl_program program = clCreateProgramWithSource(on_.context, 1, &text, nullptr, &code);
    simple::must(code, "clCreateProgramWithSource");
    simple::must(clBuildProgram(program, 1, &on_.device, "", nullptr, nullptr), "clBuildProgram");
    step_ = kernel_of(program, "advance");
    touch_ = kernel_of(program, "raise");
    simple::must(clReleaseProgram(program), "clReleaseProgram");
    counter_ = simple::buffer(on_, counters * 4);
    fill(counter_, 7, counters * 4);
    for (std::size_t i = 0; i < buffers; ++i) {
      buffers_.push_back(simple::buffer(on_, words_ * 4));
      fill(buffers_.back(), static_cast<cl_uint>(i), words_ * 4);
    }
    simple::must(clFinish(on_.queue), "clFinish");
    simple::must(clSetKernelArg(step_, 0, sizeof counter_, &counter_), "argument 0");
    simple::must(clSetKernelArg(step_, 1, sizeof rounds, &rounds), "argument 1");
    for (std::size_t i = 0; i < buffers; ++i) touch(i);  // what is compiled at a first launch is compiled now
    launch();
    await();
  }

  void run(double seconds, double written_per_s) {
    const auto begun = Clock::now();
    const auto end = begun + std::chrono::duration<double>(seconds);
    launch();
    launch();
    auto last = Clock::now();
    while (Clock::now() < end) {
      if (written_per_s > 0 && us_since(begun, Clock::now()) / 1e6 * written_per_s > static_cast<double>(writes_))
        touch(writes_++ % buffers_.size());
      launch();
      await();
      const auto now = Clock::now();
      gaps_.push_back({us_since(last, now), us_since(Clock::time_point(), now) / 1e3});
      last = now;
    }
    while (!in_flight_.empty()) await();
  }

  bool is_right() {
    std::vector<cl_uint> values(counters);
    read(counter_, values);
    const cl_uint wanted = stepped(7, launches_);
    bool right = std::all_of(values.begin(), values.end(), [&](cl_uint value) { return value == wanted; });
    if (!right) std::fprintf(stderr, "the counters are wrong\n");
    values.resize(words_);
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      read(buffers_[i], values);
      const cl_uint held = static_cast<cl_uint>(i + touched_[i]);
      if (std::all_of(values.begin(), values.end(), [&](cl_uint value) { return value == held; })) continue;
      std::fprintf(stderr, "buffer %zu is wrong\n", i);
      right = false;
    }
    return right;
  }

  void print() {
    std::printf("launches %zu\n", launches_);
    std::sort(gaps_.begin(), gaps_.end(), [](const Gap& a, const Gap& b) { return a.us > b.us; });
    if (!gaps_.empty()) std::printf("median_us %.0f\n", gaps_[gaps_.size() / 2].us);
    for (std::size_t i = 0; i < std::min(gaps_told, gaps_.size()); ++i)
      std::printf("gap_us %.0f at_ms %.1f\n", gaps_[i].us, gaps_[i].at_ms);
  }

 private:
  void fill(cl_mem memory, cl_uint value, std::size_t bytes) {
    simple::must(clEnqueueFillBuffer(on_.queue, memory, &value, sizeof value, 0, bytes, 0, nullptr, nullptr), "a fill");
  }
  void read(cl_mem memory, std::vector<cl_uint>& values) {
    simple::must(
        clEnqueueReadBuffer(on_.queue, memory, CL_TRUE, 0, values.size() * 4, values.data(), 0, nullptr, nullptr),
        "a read");
  }
  void launch() {
    cl_event event = nullptr;
    const std::size_t items = counters;
    simple::must(clEnqueueNDRangeKernel(on_.queue, step_, 1, nullptr, &items, nullptr, 0, nullptr, &event), "a launch");
    simple::must(clFlush(on_.queue), "clFlush");
    in_flight_.push_back(event);
    ++launches_;
  }
  void touch(std::size_t which) {
    simple::must(clSetKernelArg(touch_, 0, sizeof(cl_mem), &buffers_[which]), "argument 0");
    simple::must(clEnqueueNDRangeKernel(on_.queue, touch_, 1, nullptr, &words_, nullptr, 0, nullptr, nullptr),
                 "a write");
    ++touched_[which];
  }
  void await() {
    const cl_int error = clWaitForEvents(1, &in_flight_.front());
    cl_int status = CL_COMPLETE;
    clGetEventInfo(in_flight_.front(), CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
    if (error != CL_SUCCESS) std::fprintf(stderr, "a kernel ended with %d\n", status);
    simple::must(error, "clWaitForEvents");
    clReleaseEvent(in_flight_.front());
    in_flight_.pop_front();
  }

  simple::Device on_ = simple::open();
  cl_kernel step_ = nullptr, touch_ = nullptr;
  cl_mem counter_ = nullptr;
  std::size_t words_;
  std::vector<cl_mem> buffers_;
  std::vector<std::size_t> touched_;
  std::deque<cl_event> in_flight_;
  std::size_t launches_ = 0, writes_ = 0;
  std::vector<Gap> gaps_;
};

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const auto buffers = static_cast<std::size_t>(argc > 2 ? std::atoi(argv[2]) : 0);
  const auto mib = static_cast<std::size_t>(argc > 3 ? std::atoi(argv[3]) : 1);
  Load load(buffers, mib);
  std::puts("ready");
  std::fflush(stdout);
  load.run(seconds, buffers > 0 && argc > 4 ? std::atof(argv[4]) : 0);
  if (!load.is_right()) return 1;
  load.print();
  return 0;
}
