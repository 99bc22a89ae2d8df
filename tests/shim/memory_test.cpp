// Memory objects: quota, reuse, release, and what the standard refuses.
#include "tests/shim/opencl_fixture.h"

using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1 << 20;

struct Gone {
  std::mutex mutex;
  std::vector<int> order;
  static Gone& log() {
    static Gone* log = new Gone;
    return *log;
  }
  template <int N>
  static void CL_CALLBACK call(cl_mem, void*) {
    std::lock_guard lock(log().mutex);
    log().order.push_back(N);
  }
  static std::vector<int> seen() {
    std::lock_guard lock(log().mutex);
    return log().order;
  }
};

}  // namespace

TEST_CASE("a buffer above the slice's memory is refused, and the program lives on") {
  Program program(0, 64 * mib);
  cl_mem most = program.make_buffer(60 * mib);
  REQUIRE(clCreateBuffer(program.context, 0, 8 * mib, nullptr, &program.error) == nullptr);
  REQUIRE(program.error == CL_MEM_OBJECT_ALLOCATION_FAILURE);
  cl_mem rest = program.make_buffer(4 * mib);
  REQUIRE(clReleaseMemObject(most) == CL_SUCCESS);
  REQUIRE(clReleaseMemObject(rest) == CL_SUCCESS);
}

TEST_CASE("memory of a released buffer is not used again while a command may touch it") {
  Program program;
  cl_mem first = program.make_buffer(mib);
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, first, "x", 1, 0, mib, 0, nullptr, nullptr) == CL_SUCCESS);
  REQUIRE(clReleaseMemObject(first) == CL_SUCCESS);
  Bytes data(mib, 'd');
  cl_mem second = program.make_buffer(mib, CL_MEM_COPY_HOST_PTR, data.data());
  program.pool.let_go();
  REQUIRE(program.contents(second, mib) == data);
}

TEST_CASE("destructor callbacks come last first, once nothing uses the buffer") {
  Program program;
  cl_mem buffer = program.make_buffer(64);
  REQUIRE(clSetMemObjectDestructorCallback(buffer, Gone::call<1>, nullptr) == CL_SUCCESS);
  REQUIRE(clSetMemObjectDestructorCallback(buffer, Gone::call<2>, nullptr) == CL_SUCCESS);
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "x", 1, 0, 64, 0, nullptr, nullptr) == CL_SUCCESS);
  REQUIRE(clReleaseMemObject(buffer) == CL_SUCCESS);
  std::this_thread::sleep_for(20ms);
  REQUIRE(Gone::seen().empty());
  program.pool.let_go();
  for (int i = 0; i < 2000 && Gone::seen().size() < 2; ++i) std::this_thread::sleep_for(1ms);
  REQUIRE(Gone::seen() == std::vector<int>{2, 1});
}

TEST_CASE("a session that releases everything leaves nothing with the worker") {
  Program program;
  constexpr std::size_t at_first = 1;  // program.queue
  Bytes data = counting(20'000);       // outlives the commands that nobody waits for
  for (int round = 0; round < 200; ++round) {
    cl_mem buffer = program.make_buffer(64 * 1024);
    cl_command_queue queue = program.make_queue();
    std::vector<cl_event> events(20);
    for (cl_event& event : events)
      REQUIRE(clEnqueueFillBuffer(queue, buffer, "x", 1, 0, 64, 0, nullptr, &event) == CL_SUCCESS);
    REQUIRE(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 0, data.size(), data.data(), 0, nullptr, nullptr) == 0);
    REQUIRE(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, data.size(), data.data(), 0, nullptr, nullptr) == 0);
    if (round % 2 == 0) REQUIRE(clFinish(queue) == CL_SUCCESS);
    for (const cl_event event : events) REQUIRE(clReleaseEvent(event) == CL_SUCCESS);
    REQUIRE(clReleaseMemObject(buffer) == CL_SUCCESS);
    REQUIRE(clReleaseCommandQueue(queue) == CL_SUCCESS);
  }
  // A last pair of commands, so that what was let go late is swept up.
  REQUIRE(clFinish(program.queue) == CL_SUCCESS);
  REQUIRE(clReleaseMemObject(program.make_buffer(64)) == CL_SUCCESS);
  for (int i = 0; i < 2000 && program.pool.objects() > at_first; ++i) std::this_thread::sleep_for(1ms);
  REQUIRE(program.pool.objects() == at_first);
}

TEST_CASE("wrong arguments of buffer calls get the standard's errors") {
  Program program;
  cl_mem buffer = program.make_buffer(1024), read_only = program.make_buffer(64, CL_MEM_HOST_READ_ONLY);
  cl_command_queue q = program.queue;
  char host[1024] = {};
  cl_int error = 0;
  const auto create = [&](cl_mem_flags flags, size_t size, void* ptr) {
    REQUIRE(clCreateBuffer(program.context, flags, size, ptr, &error) == nullptr);
    return error;
  };
  CHECK(create(0, 0, nullptr) == CL_INVALID_BUFFER_SIZE);
  CHECK(create(0, size_t{1} << 50, nullptr) == CL_INVALID_BUFFER_SIZE);
  CHECK(create(CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY, 16, nullptr) == CL_INVALID_VALUE);
  CHECK(create(CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR, 16, host) == CL_INVALID_VALUE);
  CHECK(create(CL_MEM_USE_HOST_PTR, 16, nullptr) == CL_INVALID_HOST_PTR);
  CHECK(create(0, 16, host) == CL_INVALID_HOST_PTR);
  CHECK(clCreateBuffer(nullptr, 0, 16, nullptr, &error) == nullptr);
  CHECK(error == CL_INVALID_CONTEXT);

  const auto write = [&](cl_command_queue queue, cl_mem memory, size_t offset, size_t size, const void* ptr) {
    return clEnqueueWriteBuffer(queue, memory, CL_TRUE, offset, size, ptr, 0, nullptr, nullptr);
  };
  CHECK(write(nullptr, buffer, 0, 16, host) == CL_INVALID_COMMAND_QUEUE);
  CHECK(write(q, nullptr, 0, 16, host) == CL_INVALID_MEM_OBJECT);
  CHECK(write(q, buffer, 0, 16, nullptr) == CL_INVALID_VALUE);
  CHECK(write(q, buffer, 1020, 5, host) == CL_INVALID_VALUE);
  CHECK(write(q, buffer, SIZE_MAX, 2, host) == CL_INVALID_VALUE);
  CHECK(write(q, read_only, 0, 16, host) == CL_INVALID_OPERATION);
  CHECK(write(reinterpret_cast<cl_command_queue>(buffer), buffer, 0, 16, host) == CL_INVALID_COMMAND_QUEUE);
  cl_event none = nullptr;
  CHECK(clEnqueueWriteBuffer(q, buffer, CL_TRUE, 0, 16, host, 1, nullptr, nullptr) == CL_INVALID_EVENT_WAIT_LIST);
  CHECK(clEnqueueWriteBuffer(q, buffer, CL_TRUE, 0, 16, host, 1, &none, nullptr) == CL_INVALID_EVENT_WAIT_LIST);
  cl_context other = clCreateContext(nullptr, 1, &program.device, nullptr, nullptr, &error);
  cl_mem foreign = clCreateBuffer(other, 0, 64, nullptr, &error);
  cl_event gate = clCreateUserEvent(other, &error);
  CHECK(write(q, foreign, 0, 16, host) == CL_INVALID_CONTEXT);
  CHECK(clEnqueueWriteBuffer(q, buffer, CL_TRUE, 0, 16, host, 1, &gate, nullptr) == CL_INVALID_CONTEXT);

  const auto fill = [&](size_t pattern, size_t offset, size_t size) {
    return clEnqueueFillBuffer(q, buffer, host, pattern, offset, size, 0, nullptr, nullptr);
  };
  CHECK(fill(3, 0, 12) == CL_INVALID_VALUE);
  CHECK(fill(256, 0, 256) == CL_INVALID_VALUE);
  CHECK(fill(4, 2, 4) == CL_INVALID_VALUE);
  CHECK(fill(4, 0, 6) == CL_INVALID_VALUE);
  CHECK(clEnqueueCopyBuffer(q, buffer, buffer, 0, 10, 20, 0, nullptr, nullptr) == CL_MEM_COPY_OVERLAP);
  CHECK(clEnqueueCopyBuffer(q, buffer, buffer, 0, 20, 20, 0, nullptr, nullptr) == CL_SUCCESS);
  CHECK(clEnqueueCopyBuffer(q, buffer, buffer, 0, 1020, 20, 0, nullptr, nullptr) == CL_INVALID_VALUE);

  const size_t origin[] = {0, 0, 0}, shifted[] = {8, 0, 0}, inside[] = {4, 1, 0}, region[] = {8, 4, 2},
               flat[] = {8, 0, 2};
  const auto read_rect = [&](const size_t* from, const size_t* what, size_t row, size_t slice) {
    return clEnqueueReadBufferRect(q, buffer, CL_TRUE, from, origin, what, row, slice, 0, 0, host, 0, nullptr, nullptr);
  };
  CHECK(read_rect(origin, flat, 16, 0) == CL_INVALID_VALUE);
  CHECK(read_rect(origin, region, 4, 0) == CL_INVALID_VALUE);
  CHECK(read_rect(origin, region, 16, 32) == CL_INVALID_VALUE);
  CHECK(read_rect(origin, region, 16, 72) == CL_INVALID_VALUE);
  CHECK(read_rect(origin, region, 16, 1024) == CL_INVALID_VALUE);
  CHECK(read_rect(origin, region, SIZE_MAX / 2, 0) == CL_INVALID_VALUE);
  CHECK(read_rect(shifted, region, 16, 64) == CL_SUCCESS);
  const auto copy_rect = [&](const size_t* to, size_t dst_row) {
    return clEnqueueCopyBufferRect(q, buffer, buffer, origin, to, region, 16, 0, dst_row, 0, 0, nullptr, nullptr);
  };
  CHECK(copy_rect(inside, 16) == CL_MEM_COPY_OVERLAP);
  CHECK(copy_rect(shifted, 16) == CL_SUCCESS);
  CHECK(copy_rect(shifted, 32) == CL_INVALID_VALUE);
}

TEST_CASE("wrong arguments of sub-buffers and maps get the standard's errors") {
  Program program;
  cl_mem buffer = program.make_buffer(4096, CL_MEM_READ_ONLY), hidden = program.make_buffer(64, CL_MEM_HOST_NO_ACCESS);
  cl_int error = 0;
  const auto sub = [&](cl_mem parent, cl_mem_flags flags, size_t origin, size_t size) {
    const cl_buffer_region region{origin, size};
    return clCreateSubBuffer(parent, flags, CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
  };
  CHECK(sub(buffer, 0, 64, 64) == nullptr);
  CHECK(error == CL_MISALIGNED_SUB_BUFFER_OFFSET);
  CHECK(sub(buffer, 0, 4096, 64) == nullptr);
  CHECK(error == CL_INVALID_VALUE);
  CHECK(sub(buffer, 0, 0, 0) == nullptr);
  CHECK(error == CL_INVALID_BUFFER_SIZE);
  CHECK(sub(buffer, CL_MEM_READ_WRITE, 0, 64) == nullptr);
  CHECK(error == CL_INVALID_VALUE);
  cl_mem part = sub(buffer, 0, 128, 64);
  REQUIRE(part != nullptr);
  cl_mem_flags flags = 0;
  REQUIRE(clGetMemObjectInfo(part, CL_MEM_FLAGS, sizeof flags, &flags, nullptr) == CL_SUCCESS);
  CHECK(flags == CL_MEM_READ_ONLY);
  CHECK(sub(part, 0, 0, 64) == nullptr);
  CHECK(error == CL_INVALID_MEM_OBJECT);

  const auto map = [&](cl_mem memory, cl_map_flags how, size_t offset, size_t size) {
    CHECK(clEnqueueMapBuffer(program.queue, memory, CL_TRUE, how, offset, size, 0, nullptr, nullptr, &error) ==
          nullptr);
    return error;
  };
  CHECK(map(buffer, CL_MAP_READ, 0, 0) == CL_INVALID_VALUE);
  CHECK(map(buffer, CL_MAP_READ, 4000, 100) == CL_INVALID_VALUE);
  CHECK(map(buffer, 64, 0, 16) == CL_INVALID_VALUE);
  CHECK(map(buffer, CL_MAP_READ | CL_MAP_WRITE_INVALIDATE_REGION, 0, 16) == CL_INVALID_VALUE);
  CHECK(map(hidden, CL_MAP_READ, 0, 16) == CL_INVALID_OPERATION);
  CHECK(map(hidden, CL_MAP_WRITE, 0, 16) == CL_INVALID_OPERATION);
  CHECK(clEnqueueUnmapMemObject(program.queue, buffer, &error, 0, nullptr, nullptr) == CL_INVALID_VALUE);
}

TEST_CASE("wrong arguments of images get the standard's errors") {
  Program program;
  cl_image_format format{CL_RGBA, CL_UNSIGNED_INT8};
  cl_image_desc desc{};
  const auto make = [&](void* host = nullptr, cl_mem_flags flags = 0) {
    cl_mem image = clCreateImage(program.context, flags, &format, &desc, host, &program.error);
    CHECK((image == nullptr) == (program.error != CL_SUCCESS));
    return program.error;
  };
  desc.image_type = CL_MEM_OBJECT_IMAGE2D;
  CHECK(make() == CL_INVALID_IMAGE_DESCRIPTOR);
  desc.image_width = 16, desc.image_height = 100'000;
  CHECK(make() == CL_INVALID_IMAGE_SIZE);
  desc.image_height = 16;
  CHECK(make() == CL_SUCCESS);
  desc.image_row_pitch = 64;
  CHECK(make() == CL_INVALID_IMAGE_DESCRIPTOR);
  Bytes host(64 * 16);
  CHECK(make(host.data(), CL_MEM_COPY_HOST_PTR) == CL_SUCCESS);
  desc.image_row_pitch = 62;
  CHECK(make(host.data(), CL_MEM_COPY_HOST_PTR) == CL_INVALID_IMAGE_DESCRIPTOR);
  desc.image_row_pitch = 0;
  CHECK(make(host.data()) == CL_INVALID_HOST_PTR);
  format.image_channel_order = 0;
  CHECK(make() == CL_INVALID_IMAGE_FORMAT_DESCRIPTOR);
  format = {CL_R, CL_FLOAT};
  CHECK(make() == CL_IMAGE_FORMAT_NOT_SUPPORTED);
  format = {CL_RGBA, CL_UNSIGNED_INT8};
  desc.image_type = CL_MEM_OBJECT_BUFFER;
  CHECK(make() == CL_INVALID_IMAGE_DESCRIPTOR);
  desc = {};
  desc.image_type = CL_MEM_OBJECT_IMAGE1D_BUFFER, desc.image_width = 16;
  CHECK(make() == CL_INVALID_IMAGE_DESCRIPTOR);
  desc.mem_object = program.make_buffer(64);
  CHECK(make() == CL_SUCCESS);
  desc.image_width = 17;
  CHECK(make() == CL_INVALID_IMAGE_SIZE);
}
