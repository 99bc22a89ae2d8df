// Mapping buffers (OpenCL 3.0, sections 5.2.4 and 5.5.2).
#include <cstring>

#include "rig.h"

namespace conformance {
namespace {

std::uint8_t* map(cl_mem buffer, cl_map_flags flags, std::size_t offset, std::size_t bytes, cl_bool blocking = CL_TRUE,
                  cl_event* event = nullptr) {
  cl_int code = CL_SUCCESS;
  void* mapped = clEnqueueMapBuffer(rig().queue, buffer, blocking, flags, offset, bytes, 0, nullptr, event, &code);
  EXPECT_OK(code);
  EXPECT(mapped != nullptr);
  return static_cast<std::uint8_t*>(mapped);
}

void unmap(cl_mem buffer, void* mapped) {
  EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, buffer, mapped, 0, nullptr, nullptr));
}

cl_uint map_count(cl_mem buffer) { return info<cl_uint>(clGetMemObjectInfo, buffer, CL_MEM_MAP_COUNT); }

}  // namespace

TEST("map: a read map shows what a kernel wrote") {
  Memory buffer = buffer_of(std::vector<int>(1000, 3));
  Kernel kernel = adder(buffer, 4);
  EXPECT_OK(launch(rig().queue, kernel, 1000));
  const auto* mapped = reinterpret_cast<int*>(map(buffer, CL_MAP_READ, 0, 4000));
  EXPECT(mapped[0] == 7 && mapped[999] == 7);
  unmap(buffer, const_cast<int*>(mapped));
  EXPECT_OK(clFinish(rig().queue));
}

TEST("map: what is written into a map reaches kernels and reads") {
  for (const cl_map_flags flags : {CL_MAP_WRITE, CL_MAP_READ | CL_MAP_WRITE, CL_MAP_WRITE_INVALIDATE_REGION}) {
    Memory buffer = buffer_of(std::vector<int>(1000, 3));
    auto* mapped = reinterpret_cast<int*>(map(buffer, flags, 400, 400));
    for (int i = 0; i < 100; ++i) mapped[i] = i;
    unmap(buffer, mapped);
    Kernel kernel = adder(buffer, 1);
    EXPECT_OK(launch(rig().queue, kernel, 1000));
    const auto got = contents<int>(buffer, 1000);
    EXPECT(got[99] == 4 && got[100] == 1 && got[199] == 100 && got[200] == 4);
  }
}

TEST("map: a map for writing keeps the bytes that are not written") {
  const auto data = pattern(4096);
  Memory buffer = buffer_of(data);
  auto* mapped = map(buffer, CL_MAP_WRITE, 0, 4096);
  mapped[7] = 1;
  unmap(buffer, mapped);
  auto wanted = data;
  wanted[7] = 1;
  EXPECT(contents<std::uint8_t>(buffer, 4096) == wanted);
}

TEST("map: a non-blocking map is ready when its event is") {
  Memory buffer = buffer_of(std::vector<int>(1 << 16, 0));
  Kernel kernel = adder(buffer, 5);
  for (int round = 1; round <= 10; ++round) {
    EXPECT_OK(launch(rig().queue, kernel, 1 << 16));
    Event event;
    auto* mapped = reinterpret_cast<int*>(map(buffer, CL_MAP_READ, 0, 4 << 16, CL_FALSE, event.out()));
    EXPECT_OK(clWaitForEvents(1, event.address()));
    EXPECT(mapped[0] == 5 * round && mapped[65535] == 5 * round);
    unmap(buffer, mapped);
  }
  EXPECT_OK(clFinish(rig().queue));
}

TEST("map: what is read into a map reaches the kernels behind its unmapping") {
  constexpr std::size_t count = 1 << 20;
  const Memory from = buffer_of(std::vector<int>(count, 1)), to = make_buffer(count * 4);
  const Kernel first = adder(from, 5), second = adder(to, 10);
  auto* mapped = map(to, CL_MAP_WRITE, 0, count * 4);
  EXPECT_OK(launch(rig().queue, first, count));
  EXPECT_OK(clEnqueueReadBuffer(rig().queue, from, CL_FALSE, 0, count * 4, mapped, 0, nullptr, nullptr));
  unmap(to, mapped);
  EXPECT_OK(launch(rig().queue, second, count));
  EXPECT(contents<int>(to, count) == std::vector<int>(count, 16));
}

TEST("map: several maps of one buffer are counted") {
  const auto data = pattern(8192);
  Memory buffer = buffer_of(data);
  auto* first = map(buffer, CL_MAP_READ, 0, 4096);
  auto* second = map(buffer, CL_MAP_READ, 0, 8192);
  auto* third = map(buffer, CL_MAP_WRITE, 5000, 100);
  EXPECT(map_count(buffer) == 3);
  EXPECT(std::memcmp(first, data.data(), 4096) == 0 && std::memcmp(second, data.data(), 8192) == 0);
  std::memset(third, 1, 100);
  unmap(buffer, third);
  unmap(buffer, first);
  unmap(buffer, second);
  EXPECT_OK(clFinish(rig().queue));
  EXPECT(map_count(buffer) == 0);
  EXPECT(contents<std::uint8_t>(buffer, 100, 5000) == std::vector<std::uint8_t>(100, 1));
}

TEST("map: USE_HOST_PTR maps are the program's own memory") {
  std::vector<int> host(1024, 1);
  Memory buffer = make_buffer(4096, CL_MEM_USE_HOST_PTR, host.data());
  Kernel kernel = adder(buffer, 10);
  EXPECT_OK(launch(rig().queue, kernel, 1024));
  auto* mapped = reinterpret_cast<int*>(map(buffer, CL_MAP_READ | CL_MAP_WRITE, 400, 400));
  EXPECT(mapped == host.data() + 100);
  EXPECT(mapped[0] == 11 && mapped[99] == 11);
  mapped[0] = 1000;
  unmap(buffer, mapped);
  EXPECT_OK(launch(rig().queue, kernel, 1024));
  const auto got = contents<int>(buffer, 1024);
  EXPECT(got[99] == 21 && got[100] == 1010 && got[101] == 21);
}

TEST("map: USE_HOST_PTR memory holds results after a whole map") {
  std::vector<int> host(1024, 1);
  Memory buffer = make_buffer(4096, CL_MEM_USE_HOST_PTR, host.data());
  Kernel kernel = adder(buffer, 10);
  EXPECT_OK(launch(rig().queue, kernel, 1024));
  unmap(buffer, map(buffer, CL_MAP_READ, 0, 4096));
  EXPECT_OK(clFinish(rig().queue));
  EXPECT(host == std::vector<int>(1024, 11));
}

TEST("map: ALLOC_HOST_PTR buffers map and unmap") {
  Memory buffer = make_buffer(1 << 20, CL_MEM_ALLOC_HOST_PTR);
  auto* mapped = map(buffer, CL_MAP_WRITE_INVALIDATE_REGION, 0, 1 << 20);
  std::memset(mapped, 0x5A, 1 << 20);
  unmap(buffer, mapped);
  EXPECT(contents<std::uint8_t>(buffer, 1 << 20) == std::vector<std::uint8_t>(1 << 20, 0x5A));
}

TEST("map: mapped pointers are aligned for the largest type") {
  Memory buffer = make_buffer(1000);
  auto* mapped = map(buffer, CL_MAP_READ, 0, 1000);
  EXPECT(reinterpret_cast<std::uintptr_t>(mapped) % 128 == 0);
  unmap(buffer, mapped);
  EXPECT_OK(clFinish(rig().queue));
}

TEST("map: a mapped buffer can be released, and unmapped by its event") {
  Event event;
  {
    Memory buffer = make_buffer(4096);
    auto* mapped = map(buffer, CL_MAP_WRITE, 0, 4096);
    std::memset(mapped, 0, 4096);
    EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, buffer, mapped, 0, nullptr, event.out()));
  }
  EXPECT_OK(clWaitForEvents(1, event.address()));
}

TEST("map: waits for its wait list") {
  Memory buffer = buffer_of(std::vector<int>(16, 0));
  const Queue other = make_queue();
  Kernel kernel = adder(buffer, 5);
  Event gate = user_event(), ran, mapped_event;
  EXPECT_OK(launch(other, kernel, 16, ran.out(), {gate}));
  cl_int code = CL_SUCCESS;
  void* mapped = clEnqueueMapBuffer(rig().queue, buffer, CL_FALSE, CL_MAP_READ, 0, 64, 1, ran.address(),
                                    mapped_event.out(), &code);
  EXPECT_OK(code);
  EXPECT(status_of(mapped_event) > CL_COMPLETE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clWaitForEvents(1, mapped_event.address()));
  EXPECT(static_cast<int*>(mapped)[15] == 5);
  unmap(buffer, mapped);
  EXPECT_OK(clFinish(rig().queue));
}

TEST("map: wrong maps are refused") {
  Memory buffer = make_buffer(64), write_only = make_buffer(64, CL_MEM_HOST_WRITE_ONLY);
  Memory read_only = make_buffer(64, CL_MEM_HOST_READ_ONLY), none = make_buffer(64, CL_MEM_HOST_NO_ACCESS);
  const auto refused = [](cl_mem memory, cl_map_flags flags, std::size_t offset, std::size_t bytes) {
    cl_int code = CL_SUCCESS;
    EXPECT(clEnqueueMapBuffer(rig().queue, memory, CL_TRUE, flags, offset, bytes, 0, nullptr, nullptr, &code) ==
           nullptr);
    return code;
  };
  EXPECT_CODE(refused(buffer, CL_MAP_READ, 0, 65), CL_INVALID_VALUE);
  EXPECT_CODE(refused(buffer, CL_MAP_READ, 64, 1), CL_INVALID_VALUE);
  EXPECT_CODE(refused(buffer, CL_MAP_READ, 0, 0), CL_INVALID_VALUE);
  EXPECT_CODE(refused(write_only, CL_MAP_READ, 0, 4), CL_INVALID_OPERATION);
  EXPECT_CODE(refused(read_only, CL_MAP_WRITE, 0, 4), CL_INVALID_OPERATION);
  EXPECT_CODE(refused(none, CL_MAP_READ, 0, 4), CL_INVALID_OPERATION);
  EXPECT_CODE(refused(nullptr, CL_MAP_READ, 0, 4), CL_INVALID_MEM_OBJECT);
}

TEST("map: reading what is to be invalidated is refused") {
  Memory buffer = make_buffer(64);
  cl_int code = CL_SUCCESS;
  EXPECT(clEnqueueMapBuffer(rig().queue, buffer, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE_INVALIDATE_REGION, 0, 4, 0,
                            nullptr, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
}

TEST("map: unknown bits in the flags are refused") {
  Memory buffer = make_buffer(64);
  cl_int code = CL_SUCCESS;
  EXPECT(clEnqueueMapBuffer(rig().queue, buffer, CL_TRUE, 1 << 20, 0, 4, 0, nullptr, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
}

TEST("map: unmapping what was not mapped is refused") {
  Memory buffer = make_buffer(64);
  int elsewhere = 0;
  EXPECT_CODE(clEnqueueUnmapMemObject(rig().queue, buffer, &elsewhere, 0, nullptr, nullptr), CL_INVALID_VALUE);
  auto* mapped = map(buffer, CL_MAP_READ, 0, 64);
  unmap(buffer, mapped);
  EXPECT_OK(clFinish(rig().queue));
  EXPECT_CODE(clEnqueueUnmapMemObject(rig().queue, buffer, mapped, 0, nullptr, nullptr), CL_INVALID_VALUE);
}

}  // namespace conformance
