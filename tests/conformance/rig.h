// What most tests stand on: the first device, a context, an in-order profiling queue, and owners that release.
#pragma once

#include <CL/cl.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"

namespace conformance {

template <typename Handle, cl_int(CL_API_CALL* release)(Handle)>
class Owned {
 public:
  Owned() = default;
  Owned(Handle handle) : handle_(handle) {}  // NOLINT(google-explicit-constructor): reads like the handle itself
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() { reset(); }
  operator Handle() const { return handle_; }  // NOLINT(google-explicit-constructor)
  Handle* out() {
    reset();
    return &handle_;
  }
  const Handle* address() const { return &handle_; }
  void reset() {
    if (handle_ != nullptr) release(handle_);
    handle_ = nullptr;
  }

 private:
  Handle handle_ = nullptr;
};

using Context = Owned<cl_context, clReleaseContext>;
using Queue = Owned<cl_command_queue, clReleaseCommandQueue>;
using Memory = Owned<cl_mem, clReleaseMemObject>;
using Sampler = Owned<cl_sampler, clReleaseSampler>;
using Program = Owned<cl_program, clReleaseProgram>;
using Kernel = Owned<cl_kernel, clReleaseKernel>;
using Event = Owned<cl_event, clReleaseEvent>;

struct Rig {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  Context context;
  Queue queue;
};

// Made at the first use, shared by all tests.
Rig& rig();

Queue make_queue(cl_command_queue_properties properties = 0);
Memory make_buffer(std::size_t bytes, cl_mem_flags flags = CL_MEM_READ_WRITE, void* host = nullptr);
Program build(const std::string& source, const std::string& options = "");
Kernel make_kernel(cl_program program, const char* name);
// A user event that has not been set.
Event user_event();

template <typename T>
Memory buffer_of(const std::vector<T>& values, cl_mem_flags flags = CL_MEM_READ_WRITE) {
  return make_buffer(values.size() * sizeof(T), flags | CL_MEM_COPY_HOST_PTR, const_cast<T*>(values.data()));
}

template <typename T>
std::vector<T> contents(cl_mem buffer, std::size_t count, std::size_t offset_bytes = 0) {
  std::vector<T> values(count);
  EXPECT_OK(clEnqueueReadBuffer(rig().queue, buffer, CL_TRUE, offset_bytes, count * sizeof(T), values.data(), 0,
                                nullptr, nullptr));
  return values;
}

std::vector<std::uint8_t> pattern(std::size_t bytes, unsigned seed = 1);

template <typename T>
cl_int set_arg(cl_kernel kernel, cl_uint index, const T& value) {
  return clSetKernelArg(kernel, index, sizeof value, &value);
}
inline cl_int set_arg(cl_kernel kernel, cl_uint index, const Memory& memory) {
  return clSetKernelArg(kernel, index, sizeof(cl_mem), memory.address());
}

// True where the program runs on PoCL itself, with no pool in between.
bool on_bare_pocl();
// For calls that PoCL does not survive: only the pool is asked.
#define CHECK_CODE_IN_POOL(call, code) \
  if (!::conformance::on_bare_pocl()) CHECK_CODE(call, code)

// Skips the test where the program runs on PoCL itself, which `does` (crashes, hangs) there.
void not_on_bare_pocl(const char* does);

cl_int launch(cl_command_queue queue, cl_kernel kernel, std::size_t items, cl_event* event = nullptr,
              std::vector<cl_event> wait_list = {});

template <typename T, typename Get, typename Handle>
T info(Get get, const Handle& handle, cl_uint parameter) {
  T value{};
  EXPECT_OK(get(handle, parameter, sizeof(T), &value, nullptr));
  return value;
}
template <typename Get, typename Handle>
std::string text_info(Get get, const Handle& handle, cl_uint parameter) {
  std::size_t bytes = 0;
  EXPECT_OK(get(handle, parameter, 0, nullptr, &bytes));
  std::string text(bytes, '\0');
  EXPECT_OK(get(handle, parameter, bytes, text.data(), nullptr));
  if (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

// The program that most tests share, built once; its kernels are in rig.cpp.
cl_program kit();

// The kit's kernel that adds `amount` to every int of the buffer, ready to launch.
Kernel adder(cl_mem buffer, int amount);

cl_int status_of(cl_event event);
cl_ulong profile(cl_event event, cl_profiling_info what);
// Waits (bounded) until the flag-like condition holds.
bool eventually(const std::function<bool()>& condition, int milliseconds_max = 5000);

}  // namespace conformance
