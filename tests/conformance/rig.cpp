#include "rig.h"

#include <chrono>
#include <thread>

namespace conformance {
namespace {

constexpr const char* kit_source = R"CL(
kernel void empty() {}
kernel void add(global int* values, int amount) { values[get_global_id(0)] += amount; }
kernel void multiply(global int* values, int factor) { values[get_global_id(0)] *= factor; }
kernel void copy(global const int* from, global int* to) { to[get_global_id(0)] = from[get_global_id(0)]; }
kernel void ids(global int4* out) {
  size_t x = get_global_id(0) - get_global_offset(0), y = get_global_id(1) - get_global_offset(1);
  size_t z = get_global_id(2) - get_global_offset(2);
  size_t at = (z * get_global_size(1) + y) * get_global_size(0) + x;
  out[at] = (int4)(get_global_id(0), get_global_id(1), get_global_id(2), get_local_size(0) * 100 + get_work_dim());
}
kernel void slow(global int* values, int rounds) {
  int value = values[get_global_id(0)];
  for (int i = 0; i < rounds; ++i) value = value * 1664525 + 1013904223;
  values[get_global_id(0)] = value;
}
)CL";

}  // namespace

Rig& rig() {
  static Rig* the_rig = [] {
    auto* made = new Rig;
    EXPECT_OK(clGetPlatformIDs(1, &made->platform, nullptr));
    EXPECT_OK(clGetDeviceIDs(made->platform, CL_DEVICE_TYPE_ALL, 1, &made->device, nullptr));
    cl_int code = CL_SUCCESS;
    made->context = clCreateContext(nullptr, 1, &made->device, nullptr, nullptr, &code);
    EXPECT_OK(code);
    made->queue = clCreateCommandQueue(made->context, made->device, CL_QUEUE_PROFILING_ENABLE, &code);
    EXPECT_OK(code);
    return made;
  }();
  return *the_rig;
}

Queue make_queue(cl_command_queue_properties properties) {
  cl_int code = CL_SUCCESS;
  Queue queue = clCreateCommandQueue(rig().context, rig().device, properties, &code);
  EXPECT_OK(code);
  return queue;
}

Memory make_buffer(std::size_t bytes, cl_mem_flags flags, void* host) {
  cl_int code = CL_SUCCESS;
  Memory buffer = clCreateBuffer(rig().context, flags, bytes, host, &code);
  EXPECT_OK(code);
  return buffer;
}

Program build(const std::string& source, const std::string& options) {
  cl_int code = CL_SUCCESS;
  const char* text = source.c_str();
  Program program = clCreateProgramWithSource(rig().context, 1, &text, nullptr, &code);
  EXPECT_OK(code);
  EXPECT_OK(clBuildProgram(program, 1, &rig().device, options.c_str(), nullptr, nullptr));
  return program;
}

Kernel make_kernel(cl_program program, const char* name) {
  cl_int code = CL_SUCCESS;
  Kernel kernel = clCreateKernel(program, name, &code);
  EXPECT_OK(code);
  return kernel;
}

Event user_event() {
  cl_int code = CL_SUCCESS;
  Event event = clCreateUserEvent(rig().context, &code);
  EXPECT_OK(code);
  return event;
}

bool on_bare_pocl() { return text_info(clGetPlatformInfo, rig().platform, CL_PLATFORM_VENDOR) == "The pocl project"; }

void not_on_bare_pocl(const char* does) {
  if (on_bare_pocl()) skip(std::string("PoCL itself ") + does);
}

std::vector<std::uint8_t> pattern(std::size_t bytes, unsigned seed) {
  std::vector<std::uint8_t> values(bytes);
  std::uint32_t state = seed * 2654435761u + 1;
  for (auto& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  return values;
}

cl_int launch(cl_command_queue queue, cl_kernel kernel, std::size_t items, cl_event* event,
              std::vector<cl_event> wait_list) {
  return clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, static_cast<cl_uint>(wait_list.size()),
                                wait_list.empty() ? nullptr : wait_list.data(), event);
}

cl_program kit() {
  static Program* program = new Program(build(kit_source));
  return *program;
}

Kernel adder(cl_mem buffer, int amount) {
  Kernel kernel = make_kernel(kit(), "add");
  EXPECT_OK(clSetKernelArg(kernel, 0, sizeof buffer, &buffer));
  EXPECT_OK(set_arg(kernel, 1, amount));
  return kernel;
}

cl_int status_of(cl_event event) { return info<cl_int>(clGetEventInfo, event, CL_EVENT_COMMAND_EXECUTION_STATUS); }

cl_ulong profile(cl_event event, cl_profiling_info what) {
  return info<cl_ulong>(clGetEventProfilingInfo, event, what);
}

bool eventually(const std::function<bool()>& condition, int milliseconds_max) {
  for (int i = 0; i < milliseconds_max; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

}  // namespace conformance
