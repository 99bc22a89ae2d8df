// A tenant that loads the device with kernels of known lengths, on whatever libOpenCL this process has, and says how
// far its work got. Progress is counted in the work done by finished kernels, whatever the device's clock says of them.
//   slice_load --calibrate --calibration FILE      measures the device, alone on the machine
//   slice_load --calibration FILE [options]        loads it, for --seconds S or until stdin closes
//     --lengths 20us,2ms,50ms   of kernels, as long as they would run alone
//     --mix time|count          each length gets as much time (default), or as many kernels, as the others
//     --mode deep|sync          keeps --depth launches (8) or 20 ms of work enqueued in each of --queues Q, or only one
//     --period-ms P             one kernel every P ms instead, and prints how long each took
//     --threads N               as many hosts' threads, with queues of their own
//     --whole                   the kernel asks for its number of work-groups
//     --trace FILE              writes at the end when each kernel started and ended, by its event: two numbers a line
// Prints a JSON object a line, every 50 ms: the time, and sums since the start: {"ns", "iterations", "kernels",
// "device_ns"}; with a period {"ns", "took_us"} for each kernel as well; at the end {"summary": ...}.
#include <CL/cl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Nanoseconds = std::uint64_t;
constexpr Nanoseconds us = 1000, ms = 1000 * us, second = 1000 * ms;
constexpr std::size_t items = 1024, group = 16;
constexpr Nanoseconds report_every = 50 * ms, ahead_max = 20 * ms;
constexpr std::uint64_t check_every = 64;  // kernels, but one read at a time in each queue
constexpr long count_max = 4096;
constexpr std::uint32_t seed = 1;

constexpr char source[] =
    "uint spun(uint x, uint iterations) { for (uint i = 0; i < iterations; ++i) x = x * 1664525u + 1013904223u; return "
    "x; }\n"
    "kernel void parts(global uint* out, uint iterations) {\n"
    "  out[get_global_id(0)] = spun((uint)get_global_id(0), iterations); }\n"
    "kernel void whole(global uint* out, uint iterations) {\n"
    "  out[get_global_id(0)] = spun((uint)get_global_id(0), iterations + (get_num_groups(0) == 0)); }\n";

Nanoseconds now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<Nanoseconds>(time.tv_sec) * second + static_cast<Nanoseconds>(time.tv_nsec);
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "slice_load: %s\n", what.c_str());
  std::exit(1);
}

void must(cl_int code, const char* what) {
  if (code != CL_SUCCESS) fail(std::string(what) + ": error " + std::to_string(code));
}

// ---- options ----

struct Options {
  std::vector<Nanoseconds> lengths{20 * us, 200 * us, 2 * ms, 20 * ms, 50 * ms};
  bool mix_by_count = false, sync = false, whole = false, calibrate = false;
  std::uint32_t depth = 8, queues = 1, threads = 1;
  Nanoseconds period = 0, duration = 0;  // 0: none; until stdin closes
  std::string calibration, trace;
};

Nanoseconds length_of(const std::string& text) {
  char* unit = nullptr;
  const double number = std::strtod(text.c_str(), &unit);
  const Nanoseconds scale = std::strcmp(unit, "us") == 0 ? us : std::strcmp(unit, "ms") == 0 ? ms : 0;
  if (scale == 0 || number <= 0) fail("not a length: " + text);
  return static_cast<Nanoseconds>(number * static_cast<double>(scale));
}

std::vector<Nanoseconds> lengths_of(const std::string& list) {
  std::vector<Nanoseconds> lengths;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    lengths.push_back(length_of(list.substr(at, end - at)));
    at = end + 1;
  }
  return lengths;
}

std::uint32_t count_of(const std::string& text) {
  const long count = std::strtol(text.c_str(), nullptr, 10);
  if (count < 1 || count > count_max) fail("not a count: " + text);
  return static_cast<std::uint32_t>(count);
}

bool one_of(const std::string& value, const char* first, const char* second_word) {
  if (value != first && value != second_word) fail("neither " + std::string(first) + " nor " + second_word);
  return value == second_word;
}

bool read_flag(Options& options, const std::string& name) {
  if (name == "--calibrate") return options.calibrate = true;
  if (name == "--whole") return options.whole = true;
  if (name == "--divisible") return !(options.whole = false);
  return false;
}

void read_value(Options& options, const std::string& name, const std::string& value) {
  if (name == "--lengths") {
    options.lengths = lengths_of(value);
  } else if (name == "--mix") {
    options.mix_by_count = one_of(value, "time", "count");
  } else if (name == "--mode") {
    options.sync = one_of(value, "deep", "sync");
  } else if (name == "--depth") {
    options.depth = count_of(value);
  } else if (name == "--queues") {
    options.queues = count_of(value);
  } else if (name == "--threads") {
    options.threads = count_of(value);
  } else if (name == "--period-ms") {
    options.period = length_of(value + "ms");
  } else if (name == "--seconds") {
    options.duration = static_cast<Nanoseconds>(std::strtod(value.c_str(), nullptr) * static_cast<double>(second));
  } else if (name == "--calibration") {
    options.calibration = value;
  } else if (name == "--trace") {
    options.trace = value;
  } else {
    fail("no such option: " + name);
  }
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (read_flag(options, argv[i])) continue;
    if (i + 1 == argc) fail(std::string("what for ") + argv[i] + "?");
    read_value(options, argv[i], argv[i + 1]);
    ++i;
  }
  if (options.calibration.empty()) fail("--calibration FILE is needed");
  return options;
}

// ---- the device ----

struct Device {
  cl_device_id id = nullptr;
  cl_context context = nullptr;
  cl_program program = nullptr;
};

Device open_device() {
  Device device;
  cl_platform_id platform = nullptr;
  cl_int code = CL_SUCCESS;
  must(clGetPlatformIDs(1, &platform, nullptr), "clGetPlatformIDs");
  must(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device.id, nullptr), "clGetDeviceIDs");
  device.context = clCreateContext(nullptr, 1, &device.id, nullptr, nullptr, &code);
  must(code, "clCreateContext");
  const char* text = source;
  device.program = clCreateProgramWithSource(device.context, 1, &text, nullptr, &code);
  must(code, "clCreateProgramWithSource");
  must(clBuildProgram(device.program, 1, &device.id, "", nullptr, nullptr), "clBuildProgram");
  return device;
}

// A queue with a kernel and the buffer that it writes.
class Lane {
 public:
  Lane(const Device& device, bool whole) {
    cl_int code = CL_SUCCESS;
    queue_ = clCreateCommandQueue(device.context, device.id, CL_QUEUE_PROFILING_ENABLE, &code);
    must(code, "clCreateCommandQueue");
    kernel_ = clCreateKernel(device.program, whole ? "whole" : "parts", &code);
    must(code, "clCreateKernel");
    buffer_ = clCreateBuffer(device.context, CL_MEM_READ_WRITE, items * sizeof(cl_uint), nullptr, &code);
    must(code, "clCreateBuffer");
    must(clSetKernelArg(kernel_, 0, sizeof buffer_, &buffer_), "clSetKernelArg");
  }

  cl_event launch(std::uint32_t iterations) {
    cl_event event = nullptr;
    must(clSetKernelArg(kernel_, 1, sizeof iterations, &iterations), "clSetKernelArg");
    must(clEnqueueNDRangeKernel(queue_, kernel_, 1, nullptr, &items, &group, 0, nullptr, &event), "the launch");
    must(clFlush(queue_), "clFlush");
    return event;
  }

  void finish() { must(clFinish(queue_), "clFinish"); }

  // Reads back what the last launch wrote. One at a time.
  cl_event read_back() {
    cl_event event = nullptr;
    must(clEnqueueReadBuffer(queue_, buffer_, CL_FALSE, 0, items * sizeof(cl_uint), out_.data(), 0, nullptr, &event),
         "the read");
    must(clFlush(queue_), "clFlush");
    return event;
  }

  // REQUIRES: what was read back is there.
  void check(std::uint32_t iterations) const {
    for (const std::size_t item : {std::size_t{0}, items / 2 + 1, items - 1})
      if (out_[item] != expected(static_cast<cl_uint>(item), iterations)) fail("a kernel's result is wrong");
  }

 private:
  // x -> a x + c so many times, by squaring.
  static cl_uint expected(cl_uint x, std::uint32_t iterations) {
    cl_uint factor = 1, sum = 0, a = 1664525u, c = 1013904223u;
    for (std::uint32_t left = iterations; left != 0; left >>= 1) {
      if (left & 1) {
        sum = sum * a + c;
        factor *= a;
      }
      c *= a + 1;
      a *= a;
    }
    return factor * x + sum;
  }

  cl_command_queue queue_ = nullptr;
  cl_kernel kernel_ = nullptr;
  cl_mem buffer_ = nullptr;
  std::vector<cl_uint> out_ = std::vector<cl_uint>(items);
};

// Of a kernel's run, by the device's clock.
struct Span {
  cl_ulong started = 0, ended = 0;
};

Span device_span(cl_event event) {
  Span span;
  must(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof span.started, &span.started, nullptr),
       "profiling");
  must(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof span.ended, &span.ended, nullptr), "profiling");
  return span;
}

Nanoseconds device_time(cl_event event) {
  const Span span = device_span(event);
  return span.ended - span.started;
}

// ---- calibration: time = launch + iterations * each ----

struct Calibration {
  double launch_ns = 0, iteration_ns = 1;

  std::uint32_t iterations_for(Nanoseconds length) const {
    return static_cast<std::uint32_t>(std::clamp((static_cast<double>(length) - launch_ns) / iteration_ns, 1.0, 4e9));
  }
};

// The median of device times, in a full queue.
double median_ns(Lane& lane, std::uint32_t iterations) {
  std::vector<double> times;
  std::vector<cl_event> events;
  for (int i = 0; i < 41; ++i) events.push_back(lane.launch(iterations));
  lane.finish();
  for (cl_event event : events) {
    times.push_back(static_cast<double>(device_time(event)));
    clReleaseEvent(event);
  }
  std::nth_element(times.begin(), times.begin() + 20, times.end());
  return times[20];
}

void calibrate(const std::string& path) {
  Lane lane(open_device(), false);
  (void)median_ns(lane, 1000);  // compiles it
  const double small = median_ns(lane, 1);
  std::uint32_t iterations = 1000;
  double large = 0;
  while ((large = median_ns(lane, iterations)) < 10.0 * ms) iterations *= 2;
  const double each = (large - small) / (iterations - 1);
  std::ofstream(path) << small - each << " " << each << "\n";
  std::printf("{\"launch_ns\": %.1f, \"iteration_ns\": %.4f}\n", small - each, each);
}

Calibration read_calibration(const std::string& path) {
  Calibration calibration;
  std::ifstream file(path);
  if (!(file >> calibration.launch_ns >> calibration.iteration_ns) || calibration.iteration_ns <= 0)
    fail("no calibration in " + path);
  return calibration;
}

// ---- the load ----

struct Sums {
  std::atomic<std::uint64_t> iterations{0}, kernels{0}, device_ns{0};
  std::mutex mutex;
  std::vector<double> took_us;  // guarded by mutex; with a period
  std::vector<Span> trace;      // guarded by mutex; if one is wanted
};

// Draws lengths, the same ones in each run, and each of them once before any again: what is compiled or learnt at a
// kernel's first launch is so at the beginning.
class Draw {
 public:
  Draw(const Options& options, std::uint32_t thread) : random_(seed + thread), lengths_(options.lengths) {
    std::vector<double> weights;
    for (const Nanoseconds length : lengths_)
      weights.push_back(options.mix_by_count ? 1.0 : 1.0 / static_cast<double>(length));
    choice_ = std::discrete_distribution<std::size_t>(weights.begin(), weights.end());
  }
  Nanoseconds next() { return drawn_ < lengths_.size() ? lengths_[drawn_++] : lengths_[choice_(random_)]; }

 private:
  std::mt19937 random_;
  std::vector<Nanoseconds> lengths_;
  std::discrete_distribution<std::size_t> choice_;
  std::size_t drawn_ = 0;
};

// One host's thread.
class Loader {
 public:
  Loader(const Options& options, const Calibration& calibration, const Device& device, std::uint32_t thread, Sums& sums)
      : options_(options), calibration_(calibration), draw_(options, thread), sums_(sums) {
    for (std::uint32_t i = 0; i < options.queues; ++i) lanes_.emplace_back(device, options.whole);
    ahead_.resize(lanes_.size());
  }

  void run(const std::atomic<bool>& stop) {
    if (options_.period != 0) return run_periodic(stop);
    while (!stop.load())
      for (std::size_t lane = 0; lane < lanes_.size() && !stop.load(); ++lane) {
        fill(lane);
        take_oldest(lane);
      }
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
      while (!ahead_[lane].launches.empty()) take_oldest(lane);
  }

 private:
  struct Launched {
    cl_event event = nullptr, read_back = nullptr;  // read_back: of some
    std::uint32_t iterations = 0;
    Nanoseconds length = 0;
  };
  struct Ahead {
    std::deque<Launched> launches;
    Nanoseconds length = 0;  // of them all
    std::uint64_t launched = 0;
    bool reads = false;  // back, what one of them wrote
  };

  // Always one more, so that there is one beyond the one that runs.
  void fill(std::size_t lane) {
    Ahead& ahead = ahead_[lane];
    const auto is_full = [&] {
      if (options_.sync) return !ahead.launches.empty();
      return ahead.launches.size() >= 2 && (ahead.launches.size() >= options_.depth || ahead.length >= ahead_max);
    };
    while (!is_full()) {
      ahead.launches.push_back(launch(lane));
      ahead.length += ahead.launches.back().length;
    }
  }

  Launched launch(std::size_t lane) {
    Launched launched;
    launched.length = draw_.next();
    launched.iterations = calibration_.iterations_for(launched.length);
    launched.event = lanes_[lane].launch(launched.iterations);
    Ahead& ahead = ahead_[lane];
    if (ahead.launched++ % check_every == 0 && !std::exchange(ahead.reads, true))
      launched.read_back = lanes_[lane].read_back();
    return launched;
  }

  void take_oldest(std::size_t lane) {
    Ahead& ahead = ahead_[lane];
    const Launched launched = ahead.launches.front();
    if (options_.sync) lanes_[lane].finish();
    count(lane, launched);
    ahead.launches.pop_front();
    ahead.length -= launched.length;
  }

  void count(std::size_t lane, const Launched& launched) {
    must(clWaitForEvents(1, &launched.event), "clWaitForEvents");
    note(device_span(launched.event));
    sums_.iterations += launched.iterations;
    ++sums_.kernels;
    clReleaseEvent(launched.event);
    if (launched.read_back == nullptr) return;
    must(clWaitForEvents(1, &launched.read_back), "clWaitForEvents");
    lanes_[lane].check(launched.iterations);
    clReleaseEvent(launched.read_back);
    ahead_[lane].reads = false;
  }

  void note(const Span& span) {
    sums_.device_ns += span.ended - span.started;
    if (options_.trace.empty()) return;
    const std::lock_guard lock(sums_.mutex);
    sums_.trace.push_back(span);
  }

  void run_periodic(const std::atomic<bool>& stop) {
    Nanoseconds due = now();
    while (!stop.load()) {
      const Nanoseconds start = now();
      const Launched launched = launch(0);
      lanes_[0].finish();
      tell(now() - start);
      count(0, launched);
      due = std::max(due + options_.period, now());
      const timespec until{static_cast<time_t>(due / second), static_cast<long>(due % second)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
  }

  void tell(Nanoseconds took) {
    const double took_us = static_cast<double>(took) / us;
    const std::lock_guard lock(sums_.mutex);
    sums_.took_us.push_back(took_us);
    std::printf("{\"ns\": %" PRIu64 ", \"took_us\": %.1f}\n", now(), took_us);
  }

  const Options& options_;
  const Calibration& calibration_;
  Draw draw_;
  Sums& sums_;
  std::vector<Lane> lanes_;
  std::vector<Ahead> ahead_;
};

void report(Sums& sums) {
  const std::lock_guard lock(sums.mutex);
  std::printf("{\"ns\": %" PRIu64 ", \"iterations\": %" PRIu64 ", \"kernels\": %" PRIu64 ", \"device_ns\": %" PRIu64
              "}\n",
              now(), sums.iterations.load(), sums.kernels.load(), sums.device_ns.load());
  std::fflush(stdout);
}

double quantile(std::vector<double>& sorted, double part) {
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

void summarize(Sums& sums, Nanoseconds took) {
  std::printf("{\"summary\": {\"seconds\": %.3f, \"iterations\": %" PRIu64 ", \"kernels\": %" PRIu64
              ", \"device_ns\": %" PRIu64,
              static_cast<double>(took) / second, sums.iterations.load(), sums.kernels.load(), sums.device_ns.load());
  std::vector<double>& times = sums.took_us;
  std::sort(times.begin(), times.end());
  if (!times.empty())
    std::printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f", quantile(times, 0.5), quantile(times, 0.99),
                times.back());
  std::printf("}}\n");
}

void write_trace(const std::string& path, const std::vector<Span>& trace) {
  std::ofstream file(path);
  for (const Span& span : trace) file << span.started << ' ' << span.ended << '\n';
  if (!file.flush()) fail("cannot write " + path);
}

// Sleeps until the next report is due; true: stdin has been closed.
bool input_ended_until(Nanoseconds due) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  for (Nanoseconds time = now(); time < due; time = now()) {
    if (poll(&input, 1, static_cast<int>((due - time + ms - 1) / ms)) <= 0) continue;
    char ignored[256];
    if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return true;
  }
  return false;
}

void wait_and_report(const Options& options, Nanoseconds start, Sums& sums) {
  for (Nanoseconds due = start + report_every;; due += report_every) {
    if (options.duration == 0) {
      if (input_ended_until(due)) return;
    } else {
      const timespec until{static_cast<time_t>(due / second), static_cast<long>(due % second)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
    report(sums);
    if (options.duration != 0 && now() >= start + options.duration) return;
  }
}

void load(const Options& options) {
  const Calibration calibration = read_calibration(options.calibration);
  const Device device = open_device();
  Sums sums;
  std::deque<Loader> loaders;
  for (std::uint32_t i = 0; i < options.threads; ++i) loaders.emplace_back(options, calibration, device, i, sums);
  std::atomic<bool> stop{false};
  const Nanoseconds start = now();
  report(sums);
  std::vector<std::thread> threads;
  for (Loader& loader : loaders) threads.emplace_back([&] { loader.run(stop); });
  wait_and_report(options, start, sums);
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  report(sums);
  summarize(sums, now() - start);
  if (!options.trace.empty()) write_trace(options.trace, sums.trace);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  if (options.calibrate) {
    calibrate(options.calibration);
  } else {
    load(options);
  }
  return 0;
}
