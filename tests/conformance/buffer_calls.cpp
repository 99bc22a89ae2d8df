// What each call on buffers refuses, argument by argument (OpenCL 3.0, section 5.2), and what it does with odd but
// valid ones.
#include <atomic>
#include <cstring>
#include <limits>

#include "rig.h"

namespace conformance {
namespace {

struct Stranger {
  Context context;
  Queue queue;
  Memory buffer;
  Event event;
};

// Objects of another context.
Stranger stranger() {
  cl_int code = CL_SUCCESS;
  Stranger made;
  made.context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(code);
  made.queue = clCreateCommandQueue(made.context, rig().device, 0, &code);
  EXPECT_OK(code);
  made.buffer = clCreateBuffer(made.context, CL_MEM_READ_WRITE, 64, nullptr, &code);
  EXPECT_OK(code);
  made.event = clCreateUserEvent(made.context, &code);
  EXPECT_OK(code);
  EXPECT_OK(clSetUserEventStatus(made.event, CL_COMPLETE));
  return made;
}

constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

}  // namespace

TEST("5.2.1 clCreateBuffer refuses each wrong argument") {
  cl_int code = CL_SUCCESS;
  char host[64] = {};
  const auto create = [&](cl_mem_flags flags, std::size_t bytes, void* pointer) {
    const Memory made = clCreateBuffer(rig().context, flags, bytes, pointer, &code);
    return code;
  };
  CHECK_CODE(create(CL_MEM_READ_WRITE, 0, nullptr), CL_INVALID_BUFFER_SIZE);
  CHECK_CODE(create(CL_MEM_READ_WRITE | CL_MEM_READ_ONLY, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_WRITE_ONLY, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_NO_ACCESS, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_HOST_WRITE_ONLY | CL_MEM_HOST_NO_ACCESS, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_USE_HOST_PTR | CL_MEM_ALLOC_HOST_PTR, 64, host), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR, 64, host), CL_INVALID_VALUE);
  CHECK_CODE(create(cl_mem_flags{1} << 40, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(CL_MEM_USE_HOST_PTR, 64, nullptr), CL_INVALID_HOST_PTR);
  CHECK_CODE(create(CL_MEM_COPY_HOST_PTR, 64, nullptr), CL_INVALID_HOST_PTR);
  CHECK_CODE(create(CL_MEM_READ_WRITE, 64, host), CL_INVALID_HOST_PTR);
  CHECK_CODE(create(CL_MEM_ALLOC_HOST_PTR, 64, host), CL_INVALID_HOST_PTR);
}

TEST("5.2.1 every mixture of access, host access and host memory is made as asked") {
  for (const cl_mem_flags access : {0, CL_MEM_READ_WRITE, CL_MEM_READ_ONLY, CL_MEM_WRITE_ONLY}) {
    for (const cl_mem_flags host : {0, CL_MEM_HOST_READ_ONLY, CL_MEM_HOST_WRITE_ONLY, CL_MEM_HOST_NO_ACCESS}) {
      for (const cl_mem_flags place : {0, CL_MEM_ALLOC_HOST_PTR, CL_MEM_COPY_HOST_PTR, CL_MEM_USE_HOST_PTR,
                                       CL_MEM_COPY_HOST_PTR | CL_MEM_ALLOC_HOST_PTR}) {
        alignas(128) char bytes[128] = {};
        const bool points = (place & (CL_MEM_COPY_HOST_PTR | CL_MEM_USE_HOST_PTR)) != 0;
        cl_int code = CL_SUCCESS;
        Memory made = clCreateBuffer(rig().context, access | host | place, 128, points ? bytes : nullptr, &code);
        EXPECT_OK(code);
        const cl_mem_flags asked = access | host | place;
        const auto told = info<cl_mem_flags>(clGetMemObjectInfo, made, CL_MEM_FLAGS);
        CHECK_FOR(std::to_string(asked), told == (asked != 0 ? asked : CL_MEM_READ_WRITE));
        CHECK(info<void*>(clGetMemObjectInfo, made, CL_MEM_HOST_PTR) ==
              ((place & CL_MEM_USE_HOST_PTR) != 0 ? bytes : nullptr));
      }
    }
  }
}

TEST("5.2.1 clCreateSubBuffer refuses each wrong argument") {
  const std::size_t align = info<cl_uint>(clGetDeviceInfo, rig().device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8;
  Memory parent = make_buffer(align * 4), reads = make_buffer(align * 4, CL_MEM_READ_ONLY);
  Memory writes = make_buffer(align * 4, CL_MEM_WRITE_ONLY), no_host = make_buffer(align * 4, CL_MEM_HOST_NO_ACCESS);
  Memory host_reads = make_buffer(align * 4, CL_MEM_HOST_READ_ONLY);
  Memory host_writes = make_buffer(align * 4, CL_MEM_HOST_WRITE_ONLY);
  cl_int code = CL_SUCCESS;
  const auto create = [&](cl_mem of, cl_mem_flags flags, std::size_t origin, std::size_t bytes,
                          cl_buffer_create_type type = CL_BUFFER_CREATE_TYPE_REGION) {
    const cl_buffer_region region{origin, bytes};
    const Memory made = clCreateSubBuffer(of, flags, type, &region, &code);
    return code;
  };
  CHECK_CODE(create(nullptr, 0, 0, align), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(create(parent, 0, 0, align, 0x9999), CL_INVALID_VALUE);
  CHECK_CODE(create(parent, 0, 0, 0), CL_INVALID_BUFFER_SIZE);
  CHECK_CODE(create(parent, 0, align * 4, 1), CL_INVALID_VALUE);
  CHECK_CODE(create(parent, 0, align, align * 4), CL_INVALID_VALUE);
  CHECK_CODE(create(parent, 0, 1, align), CL_MISALIGNED_SUB_BUFFER_OFFSET);
  CHECK_CODE(create(parent, CL_MEM_USE_HOST_PTR, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(parent, CL_MEM_ALLOC_HOST_PTR, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(parent, CL_MEM_COPY_HOST_PTR, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(reads, CL_MEM_WRITE_ONLY, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(reads, CL_MEM_READ_WRITE, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(writes, CL_MEM_READ_ONLY, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(writes, CL_MEM_READ_WRITE, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(host_reads, CL_MEM_HOST_WRITE_ONLY, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(host_writes, CL_MEM_HOST_READ_ONLY, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(no_host, CL_MEM_HOST_READ_ONLY, 0, align), CL_INVALID_VALUE);
  CHECK_CODE(create(no_host, CL_MEM_HOST_WRITE_ONLY, 0, align), CL_INVALID_VALUE);
  CHECK(clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, nullptr, &code) == nullptr);
  CHECK_CODE(code, CL_INVALID_VALUE);
  const cl_buffer_region region{0, align};
  Memory sub = clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
  EXPECT_OK(code);
  CHECK_CODE(create(sub, 0, 0, align), CL_INVALID_MEM_OBJECT);
}

TEST("5.2.1 a sub-buffer inherits what its flags leave open") {
  for (const cl_mem_flags access : {0, CL_MEM_READ_WRITE, CL_MEM_READ_ONLY, CL_MEM_WRITE_ONLY}) {
    for (const cl_mem_flags host : {0, CL_MEM_HOST_READ_ONLY, CL_MEM_HOST_WRITE_ONLY, CL_MEM_HOST_NO_ACCESS}) {
      if ((access | host) == 0) continue;  // which is told as the default
      Memory parent = make_buffer(4096, access | host);
      const cl_buffer_region region{0, 256};
      cl_int code = CL_SUCCESS;
      Memory sub = clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
      EXPECT_OK(code);
      CHECK(info<cl_mem_flags>(clGetMemObjectInfo, sub, CL_MEM_FLAGS) == (access | host));
    }
  }
}

TEST("5.2.2 reads and writes refuse each wrong argument") {
  Memory buffer = make_buffer(64), no_read = make_buffer(64, CL_MEM_HOST_WRITE_ONLY);
  Memory no_write = make_buffer(64, CL_MEM_HOST_READ_ONLY), none = make_buffer(64, CL_MEM_HOST_NO_ACCESS);
  const Stranger other = stranger();
  char host[64] = {};
  const auto read = [&](cl_command_queue queue, cl_mem from, std::size_t offset, std::size_t bytes, void* to,
                        cl_uint waits = 0, const cl_event* list = nullptr) {
    return clEnqueueReadBuffer(queue, from, CL_TRUE, offset, bytes, to, waits, list, nullptr);
  };
  const auto write = [&](cl_command_queue queue, cl_mem to, std::size_t offset, std::size_t bytes, const void* from,
                         cl_uint waits = 0, const cl_event* list = nullptr) {
    return clEnqueueWriteBuffer(queue, to, CL_TRUE, offset, bytes, from, waits, list, nullptr);
  };
  const cl_command_queue queue = rig().queue;
  const cl_event nothing = nullptr;
  CHECK_CODE(read(nullptr, buffer, 0, 64, host), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(read(queue, nullptr, 0, 64, host), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(read(queue, other.buffer, 0, 64, host), CL_INVALID_CONTEXT);
  CHECK_CODE(read(queue, buffer, 0, 65, host), CL_INVALID_VALUE);
  CHECK_CODE(read(queue, buffer, 64, 1, host), CL_INVALID_VALUE);
  CHECK_CODE(read(queue, buffer, 65, 1, host), CL_INVALID_VALUE);
  CHECK_CODE(read(queue, buffer, huge, 2, host), CL_INVALID_VALUE);
  CHECK_CODE(read(queue, buffer, 2, huge, host), CL_INVALID_VALUE);
  CHECK_CODE(read(queue, buffer, 0, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(read(queue, buffer, 0, 64, host, 1, nullptr), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(read(queue, buffer, 0, 64, host, 0, other.event.address()), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(read(queue, buffer, 0, 64, host, 1, &nothing), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(read(queue, buffer, 0, 64, host, 1, other.event.address()), CL_INVALID_CONTEXT);
  CHECK_CODE(read(queue, no_read, 0, 64, host), CL_INVALID_OPERATION);
  CHECK_CODE(read(queue, none, 0, 64, host), CL_INVALID_OPERATION);
  CHECK_CODE(write(nullptr, buffer, 0, 64, host), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(write(queue, nullptr, 0, 64, host), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(write(queue, other.buffer, 0, 64, host), CL_INVALID_CONTEXT);
  CHECK_CODE(write(queue, buffer, 0, 65, host), CL_INVALID_VALUE);
  CHECK_CODE(write(queue, buffer, 64, 1, host), CL_INVALID_VALUE);
  CHECK_CODE(write(queue, buffer, huge, 2, host), CL_INVALID_VALUE);
  CHECK_CODE(write(queue, buffer, 0, 64, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(write(queue, buffer, 0, 64, host, 1, nullptr), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(write(queue, buffer, 0, 64, host, 1, &nothing), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(write(queue, buffer, 0, 64, host, 1, other.event.address()), CL_INVALID_CONTEXT);
  CHECK_CODE(write(queue, no_write, 0, 64, host), CL_INVALID_OPERATION);
  CHECK_CODE(write(queue, none, 0, 64, host), CL_INVALID_OPERATION);
  CHECK_CODE(read(queue, no_write, 0, 64, host), CL_SUCCESS);
  CHECK_CODE(write(queue, no_read, 0, 64, host), CL_SUCCESS);
}

TEST("5.2.2 rectangles refuse each wrong argument") {
  Memory buffer = make_buffer(256), no_read = make_buffer(256, CL_MEM_HOST_WRITE_ONLY);
  Memory no_write = make_buffer(256, CL_MEM_HOST_READ_ONLY);
  const Stranger other = stranger();
  char host[512] = {};
  struct Pitches {
    std::size_t row = 0, slice = 0, host_row = 0, host_slice = 0;
  };
  using Triple = const std::size_t[3];
  Triple zero{0, 0, 0}, region{4, 4, 4}, flat{16, 16, 1}, tall{4, 4, 5}, late{1, 0, 16}, no_x{0, 1, 1}, no_y{1, 0, 1},
      no_z{1, 1, 0};
  const auto both = [&](cl_command_queue queue, cl_mem with, const std::size_t* at, const std::size_t* size,
                        const Pitches& p, void* pointer) {
    const cl_int read = clEnqueueReadBufferRect(queue, with, CL_TRUE, at, zero, size, p.row, p.slice, p.host_row,
                                                p.host_slice, pointer, 0, nullptr, nullptr);
    const cl_int write = clEnqueueWriteBufferRect(queue, with, CL_TRUE, at, zero, size, p.row, p.slice, p.host_row,
                                                  p.host_slice, pointer, 0, nullptr, nullptr);
    return read == write ? read : CL_INVALID_OPERATION;
  };
  const cl_command_queue queue = rig().queue;
  CHECK_CODE(both(queue, buffer, zero, region, {}, host), CL_SUCCESS);
  CHECK_CODE(both(queue, buffer, zero, flat, {}, host), CL_SUCCESS);
  CHECK_CODE(both(nullptr, buffer, zero, region, {}, host), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(both(queue, nullptr, zero, region, {}, host), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(both(queue, other.buffer, zero, region, {}, host), CL_INVALID_CONTEXT);
  CHECK_CODE(both(queue, buffer, zero, region, {}, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, nullptr, region, {}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, nullptr, {}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, no_x, {}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, no_y, {}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, no_z, {}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, late, region, {}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, tall, {8, 64, 0, 0}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, region, {3, 0, 0, 0}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, region, {0, 0, 3, 0}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, region, {4, 15, 0, 0}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, region, {4, 18, 0, 0}, host), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, buffer, zero, region, {0, 0, 4, 15}, host), CL_INVALID_VALUE);
  CHECK_CODE(
      clEnqueueReadBufferRect(queue, no_read, CL_TRUE, zero, zero, region, 0, 0, 0, 0, host, 0, nullptr, nullptr),
      CL_INVALID_OPERATION);
  CHECK_CODE(
      clEnqueueWriteBufferRect(queue, no_write, CL_TRUE, zero, zero, region, 0, 0, 0, 0, host, 0, nullptr, nullptr),
      CL_INVALID_OPERATION);
}

TEST("5.2.2 copies refuse each wrong argument") {
  Memory from = make_buffer(256), to = make_buffer(256);
  const Stranger other = stranger();
  const cl_command_queue queue = rig().queue;
  const auto copy = [&](cl_command_queue on, cl_mem a, cl_mem b, std::size_t at, std::size_t dst, std::size_t bytes) {
    return clEnqueueCopyBuffer(on, a, b, at, dst, bytes, 0, nullptr, nullptr);
  };
  CHECK_CODE(copy(nullptr, from, to, 0, 0, 16), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(copy(queue, nullptr, to, 0, 0, 16), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(copy(queue, from, nullptr, 0, 0, 16), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(copy(queue, other.buffer, to, 0, 0, 16), CL_INVALID_CONTEXT);
  CHECK_CODE(copy(queue, from, other.buffer, 0, 0, 16), CL_INVALID_CONTEXT);
  CHECK_CODE(copy(queue, from, to, 256, 0, 1), CL_INVALID_VALUE);
  CHECK_CODE(copy(queue, from, to, 0, 256, 1), CL_INVALID_VALUE);
  CHECK_CODE(copy(queue, from, to, 0, 1, 256), CL_INVALID_VALUE);
  CHECK_CODE(copy(queue, from, to, huge, 0, 2), CL_INVALID_VALUE);
  CHECK_CODE(copy(queue, from, from, 0, 0, 16), CL_MEM_COPY_OVERLAP);
  CHECK_CODE(copy(queue, from, from, 0, 15, 16), CL_MEM_COPY_OVERLAP);
  CHECK_CODE(copy(queue, from, from, 15, 0, 16), CL_MEM_COPY_OVERLAP);
  CHECK_CODE(copy(queue, from, from, 0, 16, 16), CL_SUCCESS);
  const std::size_t zero[3] = {0, 0, 0}, one[3] = {1, 1, 0}, aside[3] = {4, 0, 0}, region[3] = {4, 4, 1};
  const auto rect = [&](cl_mem a, cl_mem b, const std::size_t* at, const std::size_t* dst, const std::size_t* size,
                        std::size_t row) {
    return clEnqueueCopyBufferRect(queue, a, b, at, dst, size, row, 0, row, 0, 0, nullptr, nullptr);
  };
  CHECK_CODE(rect(from, to, zero, zero, region, 16), CL_SUCCESS);
  CHECK_CODE_IN_POOL(rect(nullptr, to, zero, zero, region, 16), CL_INVALID_MEM_OBJECT);
  CHECK_CODE_IN_POOL(rect(from, nullptr, zero, zero, region, 16), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(rect(from, to, zero, zero, zero, 16), CL_INVALID_VALUE);
  CHECK_CODE(rect(from, to, nullptr, zero, region, 16), CL_INVALID_VALUE);
  CHECK_CODE(rect(from, to, zero, zero, region, 3), CL_INVALID_VALUE);
  CHECK_CODE(rect(from, to, zero, zero, region, 128), CL_INVALID_VALUE);
  CHECK_CODE(rect(from, from, zero, one, region, 16), CL_MEM_COPY_OVERLAP);
  CHECK_CODE(rect(from, from, zero, aside, region, 16), CL_SUCCESS);
  EXPECT_OK(clFinish(queue));
}

TEST("5.2.2 copies between overlapping sub-buffers are refused") {
  Memory parent = make_buffer(8192);
  cl_int code = CL_SUCCESS;
  const cl_buffer_region first{0, 4096}, second{1024, 4096};
  Memory a = clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, &first, &code);
  EXPECT_OK(code);
  Memory b = clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, &second, &code);
  EXPECT_OK(code);
  const auto copy = [&](std::size_t at, std::size_t to, std::size_t bytes) {
    const cl_int result = clEnqueueCopyBuffer(rig().queue, a, b, at, to, bytes, 0, nullptr, nullptr);
    EXPECT_OK(clFinish(rig().queue));
    return result;
  };
  CHECK_CODE(copy(1024, 0, 16), CL_MEM_COPY_OVERLAP);
  CHECK_CODE(copy(0, 0, 512), CL_SUCCESS);
}

TEST("5.2.3 fills refuse each wrong argument") {
  Memory buffer = make_buffer(256);
  const Stranger other = stranger();
  char bytes[256] = {};
  const auto fill = [&](cl_command_queue queue, cl_mem to, const void* pattern, std::size_t size, std::size_t offset,
                        std::size_t count) {
    return clEnqueueFillBuffer(queue, to, pattern, size, offset, count, 0, nullptr, nullptr);
  };
  const cl_command_queue queue = rig().queue;
  CHECK_CODE(fill(nullptr, buffer, bytes, 4, 0, 64), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(fill(queue, nullptr, bytes, 4, 0, 64), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(fill(queue, other.buffer, bytes, 4, 0, 64), CL_INVALID_CONTEXT);
  CHECK_CODE(fill(queue, buffer, nullptr, 4, 0, 64), CL_INVALID_VALUE);
  CHECK_CODE(fill(queue, buffer, bytes, 0, 0, 64), CL_INVALID_VALUE);
  CHECK_CODE(fill(queue, buffer, bytes, 3, 0, 63), CL_INVALID_VALUE);
  CHECK_CODE(fill(queue, buffer, bytes, 256, 0, 256), CL_INVALID_VALUE);
  CHECK_CODE(fill(queue, buffer, bytes, 4, 2, 64), CL_INVALID_VALUE);
  CHECK_CODE(fill(queue, buffer, bytes, 4, 0, 63), CL_INVALID_VALUE);
  CHECK_CODE(fill(queue, buffer, bytes, 4, 0, 260), CL_INVALID_VALUE);
  CHECK_CODE(fill(queue, buffer, bytes, 4, 256, 4), CL_INVALID_VALUE);
  for (std::size_t size = 1; size <= 128; size *= 2) CHECK_CODE(fill(queue, buffer, bytes, size, 0, 256), CL_SUCCESS);
  EXPECT_OK(clFinish(queue));
}

TEST("5.2.4 every kind of map shows and keeps what it should") {
  for (const cl_mem_flags place : {0, CL_MEM_ALLOC_HOST_PTR, CL_MEM_COPY_HOST_PTR, CL_MEM_USE_HOST_PTR}) {
    for (const cl_map_flags flags : {CL_MAP_READ, CL_MAP_WRITE, CL_MAP_READ | CL_MAP_WRITE}) {
      auto data = pattern(512, 3);
      const bool points = (place & (CL_MEM_COPY_HOST_PTR | CL_MEM_USE_HOST_PTR)) != 0;
      Memory buffer = make_buffer(512, CL_MEM_READ_WRITE | place, points ? data.data() : nullptr);
      auto wanted = pattern(512, 3);
      EXPECT_OK(clEnqueueWriteBuffer(rig().queue, buffer, CL_TRUE, 0, 512, wanted.data(), 0, nullptr, nullptr));
      cl_int code = CL_SUCCESS;
      auto* mapped = static_cast<std::uint8_t*>(
          clEnqueueMapBuffer(rig().queue, buffer, CL_TRUE, flags, 64, 128, 0, nullptr, nullptr, &code));
      EXPECT_OK(code);
      if ((flags & CL_MAP_READ) != 0) CHECK(std::memcmp(mapped, &wanted[64], 128) == 0);
      if ((flags & CL_MAP_WRITE) != 0) {
        std::memset(mapped + 1, 0x3C, 100);
        std::memset(&wanted[65], 0x3C, 100);
      }
      EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, buffer, mapped, 0, nullptr, nullptr));
      CHECK(contents<std::uint8_t>(buffer, 512) == wanted);
    }
  }
}

TEST("5.2.4 clEnqueueMapBuffer refuses each wrong argument") {
  Memory buffer = make_buffer(64), no_read = make_buffer(64, CL_MEM_HOST_WRITE_ONLY);
  Memory no_write = make_buffer(64, CL_MEM_HOST_READ_ONLY), none = make_buffer(64, CL_MEM_HOST_NO_ACCESS);
  const Stranger other = stranger();
  const auto map = [&](cl_command_queue queue, cl_mem of, cl_map_flags flags, std::size_t offset, std::size_t bytes,
                       cl_uint waits = 0, const cl_event* list = nullptr) {
    cl_int code = CL_SUCCESS;
    void* mapped = clEnqueueMapBuffer(queue, of, CL_TRUE, flags, offset, bytes, waits, list, nullptr, &code);
    if (mapped != nullptr) clEnqueueUnmapMemObject(queue, of, mapped, 0, nullptr, nullptr);
    return code;
  };
  const cl_command_queue queue = rig().queue;
  const cl_event nothing = nullptr;
  CHECK_CODE(map(queue, buffer, CL_MAP_READ, 0, 64), CL_SUCCESS);
  CHECK_CODE(map(nullptr, buffer, CL_MAP_READ, 0, 64), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(map(queue, nullptr, CL_MAP_READ, 0, 64), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(map(queue, other.buffer, CL_MAP_READ, 0, 64), CL_INVALID_CONTEXT);
  CHECK_CODE(map(queue, buffer, CL_MAP_READ, 1, 64), CL_INVALID_VALUE);
  CHECK_CODE(map(queue, buffer, CL_MAP_READ, 0, 0), CL_INVALID_VALUE);
  CHECK_CODE(map(queue, buffer, CL_MAP_WRITE_INVALIDATE_REGION | CL_MAP_WRITE, 0, 64), CL_INVALID_VALUE);
  CHECK_CODE(map(queue, buffer, CL_MAP_READ, 0, 64, 1, nullptr), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(map(queue, buffer, CL_MAP_READ, 0, 64, 1, &nothing), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(map(queue, buffer, CL_MAP_READ, 0, 64, 1, other.event.address()), CL_INVALID_CONTEXT);
  CHECK_CODE(map(queue, no_read, CL_MAP_READ, 0, 64), CL_INVALID_OPERATION);
  CHECK_CODE(map(queue, no_write, CL_MAP_WRITE, 0, 64), CL_INVALID_OPERATION);
  CHECK_CODE(map(queue, no_write, CL_MAP_WRITE_INVALIDATE_REGION, 0, 64), CL_INVALID_OPERATION);
  CHECK_CODE(map(queue, none, CL_MAP_WRITE, 0, 64), CL_INVALID_OPERATION);
  CHECK_CODE(map(queue, no_read, CL_MAP_WRITE, 0, 64), CL_SUCCESS);
  CHECK_CODE(map(queue, no_write, CL_MAP_READ, 0, 64), CL_SUCCESS);
  EXPECT_OK(clFinish(queue));
}

TEST("5.5 unmapping and migrating refuse each wrong argument") {
  Memory buffer = make_buffer(64);
  const Stranger other = stranger();
  const cl_command_queue queue = rig().queue;
  cl_int code = CL_SUCCESS;
  void* mapped = clEnqueueMapBuffer(queue, buffer, CL_TRUE, CL_MAP_READ, 0, 64, 0, nullptr, nullptr, &code);
  EXPECT_OK(code);
  CHECK_CODE(clEnqueueUnmapMemObject(nullptr, buffer, mapped, 0, nullptr, nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(clEnqueueUnmapMemObject(queue, nullptr, mapped, 0, nullptr, nullptr), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(clEnqueueUnmapMemObject(queue, buffer, nullptr, 0, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueUnmapMemObject(queue, buffer, mapped, 1, nullptr, nullptr), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(clEnqueueUnmapMemObject(other.queue, buffer, mapped, 0, nullptr, nullptr), CL_INVALID_CONTEXT);
  CHECK_CODE(clEnqueueUnmapMemObject(queue, buffer, mapped, 0, nullptr, nullptr), CL_SUCCESS);
  const auto migrate = [&](cl_command_queue on, cl_uint count, const cl_mem* objects, cl_mem_migration_flags flags) {
    return clEnqueueMigrateMemObjects(on, count, objects, flags, 0, nullptr, nullptr);
  };
  const cl_mem nothing = nullptr;
  CHECK_CODE(migrate(nullptr, 1, buffer.address(), 0), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(migrate(queue, 0, buffer.address(), 0), CL_INVALID_VALUE);
  CHECK_CODE(migrate(queue, 1, nullptr, 0), CL_INVALID_VALUE);
  CHECK_CODE(migrate(queue, 1, buffer.address(), 1 << 20), CL_INVALID_VALUE);
  CHECK_CODE(migrate(queue, 1, &nothing, 0), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(migrate(queue, 1, other.buffer.address(), 0), CL_INVALID_CONTEXT);
  CHECK_CODE(migrate(queue, 1, buffer.address(), CL_MIGRATE_MEM_OBJECT_HOST), CL_SUCCESS);
  CHECK_CODE(migrate(queue, 1, buffer.address(), CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED), CL_SUCCESS);
  EXPECT_OK(clFinish(queue));
}

TEST("5.5 every query of a memory object answers by the rules of sizes") {
  Memory buffer = make_buffer(64);
  for (cl_mem_info what = CL_MEM_TYPE; what <= CL_MEM_PROPERTIES; ++what) {
    std::size_t bytes = 0;
    CHECK_CODE(clGetMemObjectInfo(buffer, what, 0, nullptr, &bytes), CL_SUCCESS);
    if (bytes == 0) continue;
    std::vector<char> room(bytes + 1, 0x55);
    CHECK_CODE(clGetMemObjectInfo(buffer, what, bytes - 1, room.data(), nullptr), CL_INVALID_VALUE);
    CHECK_CODE(clGetMemObjectInfo(buffer, what, bytes + 1, room.data(), nullptr), CL_SUCCESS);
    CHECK(room[bytes] == 0x55);
  }
  CHECK_CODE(clGetMemObjectInfo(buffer, 0x9999, 0, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("5.5.1 a destructor callback may be set only with a function, on a live object") {
  Memory buffer = make_buffer(64);
  CHECK_CODE(clSetMemObjectDestructorCallback(
                 nullptr, [](cl_mem, void*) {}, nullptr),
             CL_INVALID_MEM_OBJECT);
  CHECK_CODE(clSetMemObjectDestructorCallback(buffer, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("5.5.1 destructor callbacks of a parent wait for its sub-buffer") {
  static std::atomic<int> calls;
  calls = 0;
  Memory parent = make_buffer(4096);
  EXPECT_OK(clSetMemObjectDestructorCallback(
      parent, [](cl_mem, void*) { ++calls; }, nullptr));
  const cl_buffer_region region{0, 64};
  cl_int code = CL_SUCCESS;
  Memory sub = clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
  EXPECT_OK(code);
  parent.reset();
  CHECK(calls == 0);
  sub.reset();
  CHECK(eventually([] { return calls == 1; }));
}

}  // namespace conformance
