// What one OpenCL call costs, on whatever libOpenCL this process has: run natively and under `sluice run` by bench/run.
// Prints one JSON object a line: {"case", "value", "unit"}. Each value is a median of many within this process.
//   forward calls       enqueueing and waiting for empty kernels
//   forward transfers   blocking writes and reads, maps
//   forward start       from nothing to the first kernel, once
#include <CL/cl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

void must(cl_int code, const char* what) {
  if (code == CL_SUCCESS) return;
  std::fprintf(stderr, "%s: error %d\n", what, code);
  std::exit(1);
}

void report(const std::string& name, double value, const char* unit) {
  std::printf("{\"case\": \"%s\", \"value\": %.4f, \"unit\": \"%s\"}\n", name.c_str(), value, unit);
  std::fflush(stdout);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct Device {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  cl_context context = nullptr;
  cl_command_queue queue = nullptr;
};

Device open_device() {
  Device made;
  cl_int code = CL_SUCCESS;
  must(clGetPlatformIDs(1, &made.platform, nullptr), "clGetPlatformIDs");
  must(clGetDeviceIDs(made.platform, CL_DEVICE_TYPE_ALL, 1, &made.device, nullptr), "clGetDeviceIDs");
  made.context = clCreateContext(nullptr, 1, &made.device, nullptr, nullptr, &code);
  must(code, "clCreateContext");
  made.queue = clCreateCommandQueue(made.context, made.device, 0, &code);
  must(code, "clCreateCommandQueue");
  return made;
}

cl_program build(const Device& on, const char* source) {
  cl_int code = CL_SUCCESS;
  cl_program program = clCreateProgramWithSource(on.context, 1, &source, nullptr, &code);
  must(code, "clCreateProgramWithSource");
  must(clBuildProgram(program, 1, &on.device, "", nullptr, nullptr), "clBuildProgram");
  return program;
}

cl_kernel make_kernel(cl_program program, const char* name) {
  cl_int code = CL_SUCCESS;
  cl_kernel kernel = clCreateKernel(program, name, &code);
  must(code, "clCreateKernel");
  return kernel;
}

cl_mem make_buffer(const Device& on, std::size_t bytes) {
  cl_int code = CL_SUCCESS;
  cl_mem buffer = clCreateBuffer(on.context, CL_MEM_READ_WRITE, bytes, nullptr, &code);
  must(code, "clCreateBuffer");
  return buffer;
}

// ---- calls ----

void enqueue(const Device& on, cl_kernel kernel) {
  const std::size_t items = 1;
  must(clEnqueueNDRangeKernel(on.queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr), "the launch");
}

void measure_calls() {
  constexpr int batch = 1000, batches = 60, waits = 2000;
  const Device on = open_device();
  cl_kernel kernel = make_kernel(build(on, "kernel void empty() {}"), "empty");
  std::vector<double> calls, whole, single;
  for (int i = 0; i < batches + 5; ++i) {
    const auto start = Clock::now();
    for (int k = 0; k < batch; ++k) enqueue(on, kernel);
    const double enqueued = us_since(start);
    must(clFinish(on.queue), "clFinish");
    if (i < 5) continue;
    calls.push_back(enqueued / batch);
    whole.push_back(us_since(start) / batch);
  }
  for (int i = 0; i < waits; ++i) {
    const auto start = Clock::now();
    enqueue(on, kernel);
    must(clFinish(on.queue), "clFinish");
    single.push_back(us_since(start));
  }
  report("enqueue call, in a batch of 1000", median(calls), "us");
  report("empty kernel, in a batch of 1000", median(whole), "us");
  report("empty kernel with wait", median(single), "us");
}

// ---- transfers ----

std::string size_name(std::size_t bytes) {
  return bytes >= 1 << 20 ? std::to_string(bytes >> 20) + " MiB" : std::to_string(bytes >> 10) + " KiB";
}

// GB/s, the median of as many calls as move some hundred megabytes, after two that are not counted.
template <typename Transfer>
double bandwidth(std::size_t bytes, Transfer transfer) {
  const int count = std::clamp(static_cast<int>((384u << 20) / bytes), 5, 400);
  std::vector<double> rates;
  for (int i = 0; i < count + 2; ++i) {
    const auto start = Clock::now();
    must(transfer(), "the transfer");
    if (i >= 2) rates.push_back(static_cast<double>(bytes) / us_since(start) / 1e3);
  }
  return median(rates);
}

void measure_bandwidth(const Device& on) {
  for (const std::size_t bytes : {64u << 10, 1u << 20, 16u << 20, 64u << 20, 256u << 20}) {
    std::vector<char> host(bytes, 1);
    cl_mem buffer = make_buffer(on, bytes);
    report("write " + size_name(bytes),
           bandwidth(bytes,
                     [&] {
                       return clEnqueueWriteBuffer(on.queue, buffer, CL_TRUE, 0, bytes, host.data(), 0, nullptr,
                                                   nullptr);
                     }),
           "GB/s");
    report(
        "read " + size_name(bytes),
        bandwidth(
            bytes,
            [&] { return clEnqueueReadBuffer(on.queue, buffer, CL_TRUE, 0, bytes, host.data(), 0, nullptr, nullptr); }),
        "GB/s");
    must(clReleaseMemObject(buffer), "clReleaseMemObject");
  }
}

// A buffer made, written and released each time: what recycled pages are for.
void measure_fresh_buffers(const Device& on) {
  constexpr std::size_t bytes = 16u << 20;
  std::vector<char> host(bytes, 1);
  report("make, write and release 16 MiB",
         bandwidth(bytes,
                   [&] {
                     cl_mem buffer = make_buffer(on, bytes);
                     must(clEnqueueWriteBuffer(on.queue, buffer, CL_TRUE, 0, bytes, host.data(), 0, nullptr, nullptr),
                          "the write");
                     return clReleaseMemObject(buffer);
                   }),
         "GB/s");
}

void measure_maps(const Device& on) {
  for (const std::size_t bytes : {1u << 20, 64u << 20}) {
    cl_mem buffer = make_buffer(on, bytes);
    std::vector<double> times;
    for (int i = 0; i < 300; ++i) {
      cl_int code = CL_SUCCESS;
      const auto start = Clock::now();
      void* mapped = clEnqueueMapBuffer(on.queue, buffer, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, nullptr,
                                        nullptr, &code);
      must(code, "clEnqueueMapBuffer");
      must(clEnqueueUnmapMemObject(on.queue, buffer, mapped, 0, nullptr, nullptr), "clEnqueueUnmapMemObject");
      must(clFinish(on.queue), "clFinish");
      if (i >= 20) times.push_back(us_since(start));
    }
    report("map and unmap " + size_name(bytes), median(times), "us");
    must(clReleaseMemObject(buffer), "clReleaseMemObject");
  }
}

// ---- start ----

void measure_start() {
  const auto start = Clock::now();
  const Device on = open_device();
  report("first call to context and queue", us_since(start) / 1e3, "ms");
  const auto building = Clock::now();
  cl_program program = build(on, "kernel void built_before(global float* v, float k) { v[get_global_id(0)] *= k; }");
  report("program built before", us_since(building) / 1e3, "ms");
  cl_kernel kernel = make_kernel(program, "built_before");
  cl_mem buffer = make_buffer(on, 4096);
  const float factor = 2;
  must(clSetKernelArg(kernel, 0, sizeof buffer, &buffer), "clSetKernelArg");
  must(clSetKernelArg(kernel, 1, sizeof factor, &factor), "clSetKernelArg");
  const std::size_t items = 1024;
  must(clEnqueueNDRangeKernel(on.queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr), "the launch");
  must(clFinish(on.queue), "clFinish");
  report("first call to end of first kernel", us_since(start) / 1e3, "ms");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "calls";
  if (mode == "calls") {
    measure_calls();
  } else if (mode == "transfers") {
    const Device on = open_device();
    measure_bandwidth(on);
    measure_fresh_buffers(on);
    measure_maps(on);
  } else if (mode == "start") {
    measure_start();
  } else {
    std::fprintf(stderr, "forward calls | transfers | start\n");
    return 2;
  }
  return 0;
}
