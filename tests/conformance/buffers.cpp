// Buffers: creation, reads, writes, copies and fills (OpenCL 3.0, sections 5.2.1 to 5.2.3).
#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>

#include "rig.h"

namespace conformance {

TEST("buffer: what was written is read") {
  const auto data = pattern(1000);
  Memory buffer = make_buffer(data.size());
  EXPECT_OK(clEnqueueWriteBuffer(rig().queue, buffer, CL_TRUE, 0, data.size(), data.data(), 0, nullptr, nullptr));
  EXPECT(contents<std::uint8_t>(buffer, data.size()) == data);
}

TEST("buffer: sizes from one byte to 64 MiB survive a round trip") {
  for (std::size_t bytes : {1u, 3u, 7u, 64u, 4095u, 4096u, 4097u, 65536u, 1u << 20, (4u << 20) + 5, 64u << 20}) {
    const auto data = pattern(bytes, static_cast<unsigned>(bytes));
    Memory buffer = make_buffer(bytes);
    EXPECT_OK(clEnqueueWriteBuffer(rig().queue, buffer, CL_TRUE, 0, bytes, data.data(), 0, nullptr, nullptr));
    EXPECT(contents<std::uint8_t>(buffer, bytes) == data);
  }
}

TEST("buffer: non-blocking writes and reads of every size keep their order") {
  for (std::size_t bytes : {5u, 4096u, 100'000u, 9u << 20}) {
    const auto first = pattern(bytes, 1), second = pattern(bytes, 2);
    std::vector<std::uint8_t> got_first(bytes), got_second(bytes);
    Memory buffer = make_buffer(bytes);
    const Queue queue = make_queue();
    EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 0, bytes, first.data(), 0, nullptr, nullptr));
    EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, bytes, got_first.data(), 0, nullptr, nullptr));
    EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 0, bytes, second.data(), 0, nullptr, nullptr));
    EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, bytes, got_second.data(), 0, nullptr, nullptr));
    EXPECT_OK(clFinish(queue));
    EXPECT(got_first == first);
    EXPECT(got_second == second);
  }
}

TEST("buffer: a non-blocking read after a kernel sees the kernel's work") {
  std::vector<int> values(4096, 1), got(4096, 0);
  Memory buffer = buffer_of(values);
  Kernel kernel = make_kernel(kit(), "add");
  EXPECT_OK(set_arg(kernel, 0, buffer));
  EXPECT_OK(set_arg(kernel, 1, 41));
  for (int round = 0; round < 20; ++round) {
    EXPECT_OK(launch(rig().queue, kernel, values.size()));
    Event event;
    EXPECT_OK(clEnqueueReadBuffer(rig().queue, buffer, CL_FALSE, 0, got.size() * sizeof(int), got.data(), 0, nullptr,
                                  event.out()));
    EXPECT_OK(clWaitForEvents(1, event.address()));
    EXPECT(got[0] == 1 + 41 * (round + 1) && got[4095] == got[0]);
  }
}

TEST("buffer: reads and writes at offsets touch only their range") {
  auto data = pattern(300);
  Memory buffer = buffer_of(data);
  const auto patch = pattern(17, 9);
  EXPECT_OK(clEnqueueWriteBuffer(rig().queue, buffer, CL_TRUE, 101, patch.size(), patch.data(), 0, nullptr, nullptr));
  std::copy(patch.begin(), patch.end(), data.begin() + 101);
  EXPECT(contents<std::uint8_t>(buffer, 300) == data);
  EXPECT(contents<std::uint8_t>(buffer, 50, 90) == std::vector(data.begin() + 90, data.begin() + 140));
}

TEST("buffer: COPY_HOST_PTR copies at once") {
  auto data = pattern(5000);
  const auto original = data;
  Memory buffer = make_buffer(data.size(), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, data.data());
  std::fill(data.begin(), data.end(), std::uint8_t{0});
  EXPECT(contents<std::uint8_t>(buffer, data.size()) == original);
}

TEST("buffer: COPY_HOST_PTR with ALLOC_HOST_PTR is allowed") {
  auto data = pattern(5000);
  Memory buffer =
      make_buffer(data.size(), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR | CL_MEM_ALLOC_HOST_PTR, data.data());
  EXPECT(contents<std::uint8_t>(buffer, data.size()) == data);
}

TEST("buffer: USE_HOST_PTR starts with the host's contents, and kernels see them") {
  std::vector<int> values(1024);
  std::iota(values.begin(), values.end(), 0);
  Memory buffer = make_buffer(4096, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, values.data());
  Kernel kernel = make_kernel(kit(), "add");
  EXPECT_OK(set_arg(kernel, 0, buffer));
  EXPECT_OK(set_arg(kernel, 1, 7));
  EXPECT_OK(launch(rig().queue, kernel, 1024));
  const auto got = contents<int>(buffer, 1024);
  EXPECT(got[0] == 7 && got[1023] == 1030);
}

TEST("buffer: a write of USE_HOST_PTR memory onto itself is allowed") {
  auto data = pattern(4096);
  const auto original = data;
  Memory buffer = make_buffer(data.size(), CL_MEM_USE_HOST_PTR, data.data());
  EXPECT_OK(clEnqueueWriteBuffer(rig().queue, buffer, CL_TRUE, 0, data.size(), data.data(), 0, nullptr, nullptr));
  EXPECT_OK(clEnqueueReadBuffer(rig().queue, buffer, CL_TRUE, 0, data.size(), data.data(), 0, nullptr, nullptr));
  EXPECT(data == original);
}

TEST("buffer: wrong creations are refused") {
  cl_int code = CL_SUCCESS;
  int host = 0;
  const auto create = [&](cl_mem_flags flags, std::size_t bytes, void* pointer) {
    EXPECT(clCreateBuffer(rig().context, flags, bytes, pointer, &code) == nullptr);
    return code;
  };
  EXPECT_CODE(create(CL_MEM_READ_WRITE, 0, nullptr), CL_INVALID_BUFFER_SIZE);
  EXPECT_CODE(create(CL_MEM_READ_WRITE, 4, &host), CL_INVALID_HOST_PTR);
  EXPECT_CODE(create(CL_MEM_USE_HOST_PTR, 4, nullptr), CL_INVALID_HOST_PTR);
  EXPECT_CODE(create(CL_MEM_COPY_HOST_PTR, 4, nullptr), CL_INVALID_HOST_PTR);
  EXPECT_CODE(create(CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY, 4, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(create(CL_MEM_USE_HOST_PTR | CL_MEM_ALLOC_HOST_PTR, 4, &host), CL_INVALID_VALUE);
  EXPECT_CODE(create(CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR, 4, &host), CL_INVALID_VALUE);
  EXPECT_CODE(create(CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_WRITE_ONLY, 4, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(create(CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_NO_ACCESS, 4, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(create(cl_mem_flags{1} << 40, 4, nullptr), CL_INVALID_VALUE);
}

TEST("buffer: more than the largest allocation is refused by its size") {
  const auto bytes_max = info<cl_ulong>(clGetDeviceInfo, rig().device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateBuffer(rig().context, CL_MEM_READ_WRITE, bytes_max + 1, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_BUFFER_SIZE);
}

TEST("buffer: no context is an invalid context") {
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateBuffer(nullptr, CL_MEM_READ_WRITE, 4, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_CONTEXT);
}

TEST("buffer: its queries answer what it was made with") {
  std::vector<int> host(64);
  Memory plain = make_buffer(100, CL_MEM_READ_ONLY);
  Memory used = make_buffer(256, CL_MEM_USE_HOST_PTR | CL_MEM_READ_WRITE, host.data());
  EXPECT(info<cl_mem_object_type>(clGetMemObjectInfo, plain, CL_MEM_TYPE) == CL_MEM_OBJECT_BUFFER);
  EXPECT(info<cl_mem_flags>(clGetMemObjectInfo, plain, CL_MEM_FLAGS) == CL_MEM_READ_ONLY);
  EXPECT(info<std::size_t>(clGetMemObjectInfo, plain, CL_MEM_SIZE) == 100);
  EXPECT(info<void*>(clGetMemObjectInfo, plain, CL_MEM_HOST_PTR) == nullptr);
  EXPECT(info<void*>(clGetMemObjectInfo, used, CL_MEM_HOST_PTR) == host.data());
  EXPECT(info<cl_uint>(clGetMemObjectInfo, plain, CL_MEM_MAP_COUNT) == 0);
  EXPECT(info<cl_uint>(clGetMemObjectInfo, plain, CL_MEM_REFERENCE_COUNT) == 1);
  EXPECT(info<cl_context>(clGetMemObjectInfo, plain, CL_MEM_CONTEXT) == rig().context);
  EXPECT(info<cl_mem>(clGetMemObjectInfo, plain, CL_MEM_ASSOCIATED_MEMOBJECT) == nullptr);
  EXPECT(info<std::size_t>(clGetMemObjectInfo, plain, CL_MEM_OFFSET) == 0);
  EXPECT(info<cl_bool>(clGetMemObjectInfo, plain, CL_MEM_USES_SVM_POINTER) == CL_FALSE);
}

TEST("buffer: default flags are read-write") {
  Memory buffer = make_buffer(16, 0);
  EXPECT(info<cl_mem_flags>(clGetMemObjectInfo, buffer, CL_MEM_FLAGS) == CL_MEM_READ_WRITE);
}

TEST("buffer: retain and release count") {
  Memory buffer = make_buffer(16);
  EXPECT_OK(clRetainMemObject(buffer));
  EXPECT(info<cl_uint>(clGetMemObjectInfo, buffer, CL_MEM_REFERENCE_COUNT) == 2);
  EXPECT_OK(clReleaseMemObject(buffer));
  EXPECT(info<cl_uint>(clGetMemObjectInfo, buffer, CL_MEM_REFERENCE_COUNT) == 1);
}

TEST("buffer: wrong reads and writes are refused") {
  char bytes[64];
  Memory buffer = make_buffer(32);
  const auto read = [&](cl_mem from, std::size_t offset, std::size_t size, void* pointer) {
    return clEnqueueReadBuffer(rig().queue, from, CL_TRUE, offset, size, pointer, 0, nullptr, nullptr);
  };
  const auto write = [&](cl_mem to, std::size_t offset, std::size_t size, const void* pointer) {
    return clEnqueueWriteBuffer(rig().queue, to, CL_TRUE, offset, size, pointer, 0, nullptr, nullptr);
  };
  EXPECT_CODE(read(buffer, 0, 33, bytes), CL_INVALID_VALUE);
  EXPECT_CODE(read(buffer, 32, 1, bytes), CL_INVALID_VALUE);
  EXPECT_CODE(read(buffer, SIZE_MAX - 1, 4, bytes), CL_INVALID_VALUE);
  EXPECT_CODE(read(buffer, 0, 16, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(read(nullptr, 0, 16, bytes), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(write(buffer, 1, 32, bytes), CL_INVALID_VALUE);
  EXPECT_CODE(write(buffer, 0, 16, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(write(nullptr, 0, 16, bytes), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(clEnqueueReadBuffer(nullptr, buffer, CL_TRUE, 0, 4, bytes, 0, nullptr, nullptr),
              CL_INVALID_COMMAND_QUEUE);
}

TEST("buffer: a zero-sized read is an invalid value") {
  char byte = 0;
  Memory buffer = make_buffer(32);
  EXPECT_CODE(clEnqueueReadBuffer(rig().queue, buffer, CL_TRUE, 0, 0, &byte, 0, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("buffer: wrong wait lists are refused") {
  char bytes[4] = {};
  Memory buffer = make_buffer(32);
  Event event = user_event();
  const cl_event nothing = nullptr;
  const auto write = [&](cl_uint count, const cl_event* list) {
    return clEnqueueWriteBuffer(rig().queue, buffer, CL_FALSE, 0, 4, bytes, count, list, nullptr);
  };
  EXPECT_CODE(write(1, nullptr), CL_INVALID_EVENT_WAIT_LIST);
  EXPECT_CODE(write(0, event.address()), CL_INVALID_EVENT_WAIT_LIST);
  EXPECT_CODE(write(1, &nothing), CL_INVALID_EVENT_WAIT_LIST);
  EXPECT_OK(clSetUserEventStatus(event, CL_COMPLETE));
}

TEST("buffer: HOST_ flags are enforced") {
  char bytes[16] = {};
  Memory write_only = make_buffer(16, CL_MEM_HOST_WRITE_ONLY), read_only = make_buffer(16, CL_MEM_HOST_READ_ONLY);
  Memory none = make_buffer(16, CL_MEM_HOST_NO_ACCESS);
  const auto read = [&](cl_mem from) {
    return clEnqueueReadBuffer(rig().queue, from, CL_TRUE, 0, 16, bytes, 0, nullptr, nullptr);
  };
  const auto write = [&](cl_mem to) {
    return clEnqueueWriteBuffer(rig().queue, to, CL_TRUE, 0, 16, bytes, 0, nullptr, nullptr);
  };
  EXPECT_OK(write(write_only));
  EXPECT_CODE(read(write_only), CL_INVALID_OPERATION);
  EXPECT_OK(read(read_only));
  EXPECT_CODE(write(read_only), CL_INVALID_OPERATION);
  EXPECT_CODE(read(none), CL_INVALID_OPERATION);
  EXPECT_CODE(write(none), CL_INVALID_OPERATION);
}

TEST("buffer: objects of two contexts do not mix") {
  cl_int code = CL_SUCCESS;
  Context other = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(code);
  Memory foreign = clCreateBuffer(other, CL_MEM_READ_WRITE, 16, nullptr, &code);
  EXPECT_OK(code);
  Memory own = make_buffer(16);
  char bytes[16] = {};
  EXPECT_CODE(clEnqueueWriteBuffer(rig().queue, foreign, CL_TRUE, 0, 16, bytes, 0, nullptr, nullptr),
              CL_INVALID_CONTEXT);
  EXPECT_CODE(clEnqueueCopyBuffer(rig().queue, own, foreign, 0, 0, 16, 0, nullptr, nullptr), CL_INVALID_CONTEXT);
}

TEST("buffer: copies between and within buffers") {
  auto data = pattern(1000);
  Memory from = buffer_of(data), to = make_buffer(1000);
  EXPECT_OK(clEnqueueCopyBuffer(rig().queue, from, to, 0, 0, 1000, 0, nullptr, nullptr));
  EXPECT(contents<std::uint8_t>(to, 1000) == data);
  EXPECT_OK(clEnqueueCopyBuffer(rig().queue, to, to, 0, 500, 500, 0, nullptr, nullptr));
  std::copy(data.begin(), data.begin() + 500, data.begin() + 500);
  EXPECT(contents<std::uint8_t>(to, 1000) == data);
}

TEST("buffer: wrong copies are refused") {
  Memory a = make_buffer(100), b = make_buffer(50);
  const auto copy = [&](cl_mem from, cl_mem to, std::size_t from_at, std::size_t to_at, std::size_t bytes) {
    return clEnqueueCopyBuffer(rig().queue, from, to, from_at, to_at, bytes, 0, nullptr, nullptr);
  };
  EXPECT_CODE(copy(a, b, 0, 0, 51), CL_INVALID_VALUE);
  EXPECT_CODE(copy(a, b, 99, 0, 2), CL_INVALID_VALUE);
  EXPECT_CODE(copy(b, a, 49, 0, 2), CL_INVALID_VALUE);
  EXPECT_CODE(copy(a, a, 0, 10, 20), CL_MEM_COPY_OVERLAP);
  EXPECT_CODE(copy(a, a, 10, 0, 20), CL_MEM_COPY_OVERLAP);
  EXPECT_CODE(copy(nullptr, a, 0, 0, 1), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(copy(a, nullptr, 0, 0, 1), CL_INVALID_MEM_OBJECT);
}

TEST("buffer: fills with every pattern size") {
  for (std::size_t size = 1; size <= 128; size *= 2) {
    const auto piece = pattern(size, static_cast<unsigned>(size));
    std::vector<std::uint8_t> wanted(1024, 0xEE);
    Memory buffer = buffer_of(wanted);
    EXPECT_OK(clEnqueueFillBuffer(rig().queue, buffer, piece.data(), size, 128, 512, 0, nullptr, nullptr));
    for (std::size_t i = 0; i < 512; ++i) wanted[128 + i] = piece[i % size];
    EXPECT(contents<std::uint8_t>(buffer, 1024) == wanted);
  }
}

TEST("buffer: a fill copies its pattern at enqueue") {
  Memory buffer = make_buffer(64);
  std::uint32_t value = 0x01020304;
  EXPECT_OK(clEnqueueFillBuffer(rig().queue, buffer, &value, 4, 0, 64, 0, nullptr, nullptr));
  value = 0;
  EXPECT(contents<std::uint32_t>(buffer, 16) == std::vector<std::uint32_t>(16, 0x01020304));
}

TEST("buffer: wrong fills are refused") {
  Memory buffer = make_buffer(128);
  const char piece[256] = {};
  const auto fill = [&](std::size_t size, std::size_t offset, std::size_t bytes, const void* from) {
    return clEnqueueFillBuffer(rig().queue, buffer, from, size, offset, bytes, 0, nullptr, nullptr);
  };
  EXPECT_CODE(fill(3, 0, 9, piece), CL_INVALID_VALUE);
  EXPECT_CODE(fill(256, 0, 0, piece), CL_INVALID_VALUE);
  EXPECT_CODE(fill(0, 0, 16, piece), CL_INVALID_VALUE);
  EXPECT_CODE(fill(4, 2, 16, piece), CL_INVALID_VALUE);
  EXPECT_CODE(fill(4, 0, 18, piece), CL_INVALID_VALUE);
  EXPECT_CODE(fill(4, 64, 128, piece), CL_INVALID_VALUE);
  EXPECT_CODE(fill(4, 0, 16, nullptr), CL_INVALID_VALUE);
}

TEST("buffer: one released while commands still use it stays until they end") {
  std::vector<int> got(1 << 16);
  Memory source = buffer_of(std::vector<int>(1 << 16, 5));
  Event gate = user_event();
  const Queue queue = make_queue();
  for (int i = 0; i < 8; ++i) {
    Memory middle = make_buffer(got.size() * 4);
    EXPECT_OK(clEnqueueCopyBuffer(queue, source, middle, 0, 0, got.size() * 4, 1, gate.address(), nullptr));
    EXPECT_OK(clEnqueueReadBuffer(queue, middle, CL_FALSE, 0, got.size() * 4, got.data(), 0, nullptr, nullptr));
  }
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(got == std::vector<int>(1 << 16, 5));
}

TEST("buffer: memory that is made and released a thousand times does not run out") {
  for (int i = 0; i < 1000; ++i) {
    Memory buffer = make_buffer(8 << 20);
    std::uint32_t value = static_cast<std::uint32_t>(i);
    EXPECT_OK(clEnqueueFillBuffer(rig().queue, buffer, &value, 4, 0, 64, 0, nullptr, nullptr));
  }
  EXPECT_OK(clFinish(rig().queue));
}

TEST("buffer: destructor callbacks run once, last registered first") {
  static std::atomic<int> calls;  // counted when `order` is written
  static std::string order;
  calls = 0;
  order.clear();
  const auto note = [](cl_mem, void* user) {
    order += static_cast<const char*>(user);
    ++calls;
  };
  Memory buffer = make_buffer(16);
  EXPECT_OK(clSetMemObjectDestructorCallback(buffer, note, const_cast<char*>("a")));
  EXPECT_OK(clSetMemObjectDestructorCallback(buffer, note, const_cast<char*>("b")));
  EXPECT_OK(clSetMemObjectDestructorCallback(buffer, note, const_cast<char*>("c")));
  EXPECT_CODE(clSetMemObjectDestructorCallback(buffer, nullptr, nullptr), CL_INVALID_VALUE);
  buffer.reset();
  EXPECT(eventually([] { return calls == 3; }));
  EXPECT(order == "cba");
}

TEST("buffer: migration is accepted and changes nothing") {
  const auto data = pattern(256);
  Memory buffer = buffer_of(data);
  EXPECT_OK(clEnqueueMigrateMemObjects(rig().queue, 1, buffer.address(), 0, 0, nullptr, nullptr));
  EXPECT_OK(
      clEnqueueMigrateMemObjects(rig().queue, 1, buffer.address(), CL_MIGRATE_MEM_OBJECT_HOST, 0, nullptr, nullptr));
  EXPECT(contents<std::uint8_t>(buffer, 256) == data);
  EXPECT_CODE(clEnqueueMigrateMemObjects(rig().queue, 0, buffer.address(), 0, 0, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("buffer: made with properties") {
  cl_int code = CL_SUCCESS;
  auto data = pattern(64);
  Memory buffer = clCreateBufferWithProperties(rig().context, nullptr, CL_MEM_COPY_HOST_PTR, 64, data.data(), &code);
  EXPECT_OK(code);
  EXPECT(contents<std::uint8_t>(buffer, 64) == data);
  const cl_mem_properties wrong[] = {0x7777, 1, 0};
  EXPECT(clCreateBufferWithProperties(rig().context, wrong, 0, 64, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_PROPERTY);
}

}  // namespace conformance
