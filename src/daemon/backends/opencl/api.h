// What all files of the OpenCL backend share: the vendor's header, owners of its handles, its error numbers in neutral
// words, and queries that cannot fail.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backends/backend.h"

namespace sluice::backend::opencl {

// Owns one reference to a driver's object.
template <typename T, cl_int (*Release)(T)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T object) : object_(object) {}
  Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (object_ != nullptr) Release(object_);
  }

  T get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T object_ = nullptr;
};

using ContextHandle = Handle<cl_context, clReleaseContext>;
using QueueHandle = Handle<cl_command_queue, clReleaseCommandQueue>;
using MemoryHandle = Handle<cl_mem, clReleaseMemObject>;
using SamplerHandle = Handle<cl_sampler, clReleaseSampler>;
using ProgramHandle = Handle<cl_program, clReleaseProgram>;
using KernelHandle = Handle<cl_kernel, clReleaseKernel>;
using EventHandle = Handle<cl_event, clReleaseEvent>;

// CL_SUCCESS is ok, an error that no call of ours should cause is internal.
Outcome outcome_of(cl_int error);
// "CL_OUT_OF_RESOURCES (-5)" would need a table of its own; the log says "OpenCL error -5".
std::string error_text(cl_int error);

// One value of clGetXInfo, or zero if the driver does not know the question.
template <typename T, typename Query, typename Parameter>
T value_of(Query query, Parameter parameter) {
  T value{};
  if (query(parameter, sizeof value, &value, nullptr) != CL_SUCCESS) return T{};
  return value;
}

// A list of values; empty if the driver does not know the question.
template <typename T, typename Query, typename Parameter>
std::vector<T> list_of(Query query, Parameter parameter) {
  std::size_t bytes = 0;
  if (query(parameter, 0, nullptr, &bytes) != CL_SUCCESS) return {};
  std::vector<T> values(bytes / sizeof(T));
  if (values.empty() || query(parameter, values.size() * sizeof(T), values.data(), nullptr) != CL_SUCCESS) return {};
  return values;
}

// Text without its terminator; empty if the driver does not know the question.
template <typename Query, typename Parameter>
std::string text_of(Query query, Parameter parameter) {
  const std::vector<char> text = list_of<char>(query, parameter);
  return {text.begin(), std::find(text.begin(), text.end(), '\0')};
}

// The queries above take the driver's function with its object bound: `value_of<cl_uint>(asking(clGetDeviceInfo, d),
// x)`.
template <typename Function, typename... Objects>
auto asking(Function function, Objects... objects) {
  return [=](auto parameter, std::size_t bytes, void* value, std::size_t* bytes_out) {
    return function(objects..., parameter, bytes, value, bytes_out);
  };
}

}  // namespace sluice::backend::opencl
