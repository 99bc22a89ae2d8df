// A context and a queue on a FakePool, as a program would make them.
#pragma once

#include <CL/cl.h>

#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

#include "tests/shim/fake_pool.h"

namespace sluice::test {

// Whether the device's memory is in the shim's reach: each test program links one file that says so.
extern const bool memory_in_arena;

using Bytes = std::vector<unsigned char>;

inline Bytes counting(std::size_t count, unsigned first = 0) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<unsigned char>(i * 7 + first);
  return bytes;
}

struct Program {
  explicit Program(cl_command_queue_properties properties = 0, std::uint64_t memory_bytes = 256 << 20)
      : pool(FakePool::start({memory_in_arena, memory_bytes})) {
    REQUIRE(clGetPlatformIDs(1, &platform, nullptr) == CL_SUCCESS);
    REQUIRE(clGetDeviceIDs(platform, CL_DEVICE_TYPE_GPU, 1, &device, nullptr) == CL_SUCCESS);
    context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &error);
    REQUIRE(error == CL_SUCCESS);
    queue = make_queue(properties);
  }
  cl_command_queue make_queue(cl_command_queue_properties properties = 0) {
    const cl_queue_properties list[] = {CL_QUEUE_PROPERTIES, properties, 0};
    cl_command_queue made = clCreateCommandQueueWithProperties(context, device, list, &error);
    REQUIRE(error == CL_SUCCESS);
    return made;
  }
  cl_mem make_buffer(std::size_t bytes, cl_mem_flags flags = 0, void* host = nullptr) {
    cl_mem made = clCreateBuffer(context, flags, bytes, host, &error);
    REQUIRE(error == CL_SUCCESS);
    return made;
  }
  Bytes contents(cl_mem buffer, std::size_t bytes) {
    Bytes read(bytes);
    REQUIRE(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, bytes, read.data(), 0, nullptr, nullptr) == CL_SUCCESS);
    return read;
  }

  FakePool& pool;
  cl_int error = CL_SUCCESS;
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  cl_context context = nullptr;
  cl_command_queue queue = nullptr;
};

inline cl_int status_of(cl_event event) {
  cl_int status = -9999;
  REQUIRE(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr) == CL_SUCCESS);
  return status;
}

}  // namespace sluice::test
