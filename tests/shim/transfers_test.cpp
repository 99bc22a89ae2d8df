// What transfers bring, whichever way they go. Built twice: for devices whose memory the shim reaches, and not.
#include <algorithm>

#include "tests/shim/opencl_fixture.h"

using namespace sluice::test;

TEST_CASE("what was written is read back, in any size") {
  Program program;
  for (const std::size_t bytes : {1ul, 100ul, 4096ul, 4097ul, 1ul << 20, (9ul << 20) + 5}) {
    cl_mem buffer = program.make_buffer(bytes);
    const Bytes data = counting(bytes);
    REQUIRE(clEnqueueWriteBuffer(program.queue, buffer, CL_TRUE, 0, bytes, data.data(), 0, nullptr, nullptr) ==
            CL_SUCCESS);
    REQUIRE(program.contents(buffer, bytes) == data);
    REQUIRE(clReleaseMemObject(buffer) == CL_SUCCESS);
  }
}

TEST_CASE("commands behind held ones keep the order of the queue") {
  Program program;
  constexpr std::size_t bytes = 6 << 20;
  cl_mem buffer = program.make_buffer(bytes);
  const Bytes first = counting(bytes, 1), second = counting(bytes, 2);
  Bytes read_first(bytes), read_second(bytes);
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "x", 1, 0, bytes, 0, nullptr, nullptr) == CL_SUCCESS);
  Bytes source = first;
  REQUIRE(clEnqueueWriteBuffer(program.queue, buffer, CL_FALSE, 0, bytes, source.data(), 0, nullptr, nullptr) == 0);
  REQUIRE(clEnqueueReadBuffer(program.queue, buffer, CL_FALSE, 0, bytes, read_first.data(), 0, nullptr, nullptr) == 0);
  Bytes small(second.begin(), second.begin() + 1000);
  REQUIRE(clEnqueueWriteBuffer(program.queue, buffer, CL_FALSE, 0, 1000, small.data(), 0, nullptr, nullptr) == 0);
  REQUIRE(clEnqueueReadBuffer(program.queue, buffer, CL_FALSE, 0, bytes, read_second.data(), 0, nullptr, nullptr) == 0);
  REQUIRE(read_first == Bytes(bytes));
  program.pool.let_go();
  REQUIRE(clFinish(program.queue) == CL_SUCCESS);
  REQUIRE(read_first == first);
  Bytes expected = first;
  std::copy(small.begin(), small.end(), expected.begin());
  REQUIRE(read_second == expected);
}

TEST_CASE("a read's data is there when its event, or a later one elsewhere, is seen complete") {
  Program program;
  cl_command_queue other = program.make_queue();
  Bytes data = counting(10000), read(10000);
  cl_mem buffer = program.make_buffer(data.size(), CL_MEM_COPY_HOST_PTR, data.data());
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "abcd", 4, 0, 4, 0, nullptr, nullptr) == CL_SUCCESS);
  cl_event done = nullptr, after = nullptr;
  REQUIRE(clEnqueueReadBuffer(program.queue, buffer, CL_FALSE, 0, read.size(), read.data(), 0, nullptr, &done) == 0);
  REQUIRE(clEnqueueMarkerWithWaitList(other, 1, &done, &after) == CL_SUCCESS);
  REQUIRE(status_of(done) > CL_COMPLETE);
  program.pool.let_go();
  REQUIRE(clReleaseEvent(done) == CL_SUCCESS);
  REQUIRE(clWaitForEvents(1, &after) == CL_SUCCESS);
  std::copy_n("abcd", 4, data.begin());
  REQUIRE(read == data);
}

TEST_CASE("a write takes what an earlier read is still to bring") {
  Program program;
  Bytes data = counting(9000), through(9000);
  cl_mem from = program.make_buffer(data.size(), CL_MEM_COPY_HOST_PTR, data.data());
  cl_mem to = program.make_buffer(data.size());
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, to, "x", 1, 0, 1, 0, nullptr, nullptr) == CL_SUCCESS);
  REQUIRE(clEnqueueReadBuffer(program.queue, from, CL_FALSE, 0, data.size(), through.data(), 0, nullptr, nullptr) == 0);
  std::thread opener([&] {
    usleep(20'000);
    program.pool.let_go();
  });
  REQUIRE(clEnqueueWriteBuffer(program.queue, to, CL_FALSE, 0, data.size(), through.data(), 0, nullptr, nullptr) == 0);
  opener.join();
  REQUIRE(program.contents(to, data.size()) == data);
}

TEST_CASE("a rectangle goes where both layouts say") {
  Program program;
  const Bytes host = counting(4096);
  cl_mem buffer = program.make_buffer(4096);
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "\0", 1, 0, 4096, 0, nullptr, nullptr) == CL_SUCCESS);
  const size_t buffer_origin[] = {3, 2, 1}, host_origin[] = {5, 1, 0}, region[] = {7, 3, 2};
  for (const bool blocking : {true, false}) {
    REQUIRE(clEnqueueWriteBufferRect(program.queue, buffer, blocking, buffer_origin, host_origin, region, 32, 32 * 8,
                                     64, 64 * 4, host.data(), 0, nullptr, nullptr) == CL_SUCCESS);
    REQUIRE(clFinish(program.queue) == CL_SUCCESS);
    Bytes expected(4096);
    for (size_t z = 0; z < 2; ++z)
      for (size_t y = 0; y < 3; ++y)
        for (size_t x = 0; x < 7; ++x)
          expected[3 + x + (2 + y) * 32 + (1 + z) * 256] = host[5 + x + (1 + y) * 64 + z * 256];
    REQUIRE(program.contents(buffer, 4096) == expected);
    Bytes back(4096);
    REQUIRE(clEnqueueReadBufferRect(program.queue, buffer, blocking, buffer_origin, host_origin, region, 32, 32 * 8, 64,
                                    64 * 4, back.data(), 0, nullptr, nullptr) == CL_SUCCESS);
    REQUIRE(clFinish(program.queue) == CL_SUCCESS);
    for (size_t i = 0; i < back.size(); ++i) REQUIRE((back[i] == 0 || back[i] == host[i]));
    REQUIRE(std::count(back.begin(), back.end(), 0) < 4096 - 30);
  }
}

TEST_CASE("a map shows the contents, and an unmap of a writing map changes them") {
  Program program;
  Bytes data = counting(5000);
  cl_mem buffer = program.make_buffer(data.size(), CL_MEM_COPY_HOST_PTR, data.data());
  auto* mapped = static_cast<unsigned char*>(clEnqueueMapBuffer(
      program.queue, buffer, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 100, 1000, 0, nullptr, nullptr, &program.error));
  REQUIRE(program.error == CL_SUCCESS);
  REQUIRE(std::equal(mapped, mapped + 1000, data.begin() + 100));
  cl_uint maps = 0;
  REQUIRE(clGetMemObjectInfo(buffer, CL_MEM_MAP_COUNT, sizeof maps, &maps, nullptr) == CL_SUCCESS);
  REQUIRE(maps == 1);
  std::fill_n(mapped, 1000, 0xEE);
  REQUIRE(clEnqueueUnmapMemObject(program.queue, buffer, mapped, 0, nullptr, nullptr) == CL_SUCCESS);
  REQUIRE(clEnqueueUnmapMemObject(program.queue, buffer, mapped, 0, nullptr, nullptr) == CL_INVALID_VALUE);
  std::fill_n(data.begin() + 100, 1000, 0xEE);
  REQUIRE(program.contents(buffer, data.size()) == data);
}

TEST_CASE("memory of CL_MEM_USE_HOST_PTR is up to date while it is mapped") {
  Program program;
  Bytes own = counting(3000);
  const Bytes before = own;
  cl_mem buffer = program.make_buffer(own.size(), CL_MEM_USE_HOST_PTR, own.data());
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "zz", 2, 0, 2000, 0, nullptr, nullptr) == CL_SUCCESS);
  void* mapped = clEnqueueMapBuffer(program.queue, buffer, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 1000, 2000, 0, nullptr,
                                    nullptr, &program.error);
  REQUIRE(mapped == own.data() + 1000);
  REQUIRE(std::all_of(own.begin() + 1000, own.begin() + 2000, [](unsigned char c) { return c == 'z'; }));
  REQUIRE(std::equal(own.begin() + 2000, own.end(), before.begin() + 2000));
  own[1500] = 'a';
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "y", 1, 0, 10, 0, nullptr, nullptr) == CL_SUCCESS);
  REQUIRE(clEnqueueUnmapMemObject(program.queue, buffer, mapped, 0, nullptr, nullptr) == CL_SUCCESS);
  program.pool.let_go();
  const Bytes after = program.contents(buffer, own.size());
  REQUIRE(after[1500] == 'a');
  REQUIRE(after[1501] == 'z');
  REQUIRE(after[5] == 'y');
  REQUIRE(after[999] == 'z');
}

TEST_CASE("a map that has not come true yet is not written back") {
  Program program;
  Bytes own = counting(3000);
  cl_mem buffer = program.make_buffer(own.size(), CL_MEM_USE_HOST_PTR, own.data());
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "z", 1, 0, 3000, 0, nullptr, nullptr) == CL_SUCCESS);
  void* mapped =
      clEnqueueMapBuffer(program.queue, buffer, CL_FALSE, CL_MAP_WRITE, 0, 3000, 0, nullptr, nullptr, &program.error);
  REQUIRE(clEnqueueUnmapMemObject(program.queue, buffer, mapped, 0, nullptr, nullptr) == CL_SUCCESS);
  program.pool.let_go();
  REQUIRE(program.contents(buffer, own.size()) == Bytes(3000, 'z'));
}

TEST_CASE("an image's pixels survive each way in and out") {
  Program program;
  const cl_image_format format{CL_RGBA, CL_UNSIGNED_INT8};
  cl_image_desc desc{};
  desc.image_type = CL_MEM_OBJECT_IMAGE2D;
  desc.image_width = 20, desc.image_height = 10;
  Bytes pixels = counting(20 * 10 * 4);
  cl_mem image = clCreateImage(program.context, CL_MEM_COPY_HOST_PTR, &format, &desc, pixels.data(), &program.error);
  REQUIRE(program.error == CL_SUCCESS);
  const size_t origin[] = {4, 3, 0}, region[] = {5, 6, 1};
  Bytes part(5 * 6 * 4);
  REQUIRE(clEnqueueReadImage(program.queue, image, CL_TRUE, origin, region, 0, 0, part.data(), 0, nullptr, nullptr) ==
          0);
  for (size_t y = 0; y < 6; ++y)
    REQUIRE(std::equal(&part[y * 20], &part[y * 20] + 20, &pixels[((3 + y) * 20 + 4) * 4]));
  const Bytes white(32 * 6, 0xFF);
  REQUIRE(clEnqueueWriteImage(program.queue, image, CL_FALSE, origin, region, 32, 0, white.data(), 0, nullptr,
                              nullptr) == CL_SUCCESS);
  size_t row_pitch = 0;
  const size_t all_origin[] = {0, 0, 0}, all[] = {20, 10, 1};
  auto* mapped =
      static_cast<unsigned char*>(clEnqueueMapImage(program.queue, image, CL_TRUE, CL_MAP_READ, all_origin, all,
                                                    &row_pitch, nullptr, 0, nullptr, nullptr, &program.error));
  REQUIRE(program.error == CL_SUCCESS);
  for (size_t y = 0; y < 6; ++y) std::fill_n(&pixels[((3 + y) * 20 + 4) * 4], 20, 0xFF);
  for (size_t y = 0; y < 10; ++y) REQUIRE(std::equal(&pixels[y * 80], &pixels[y * 80] + 80, mapped + y * row_pitch));
  REQUIRE(clEnqueueUnmapMemObject(program.queue, image, mapped, 0, nullptr, nullptr) == CL_SUCCESS);
}

TEST_CASE("layers of a 1D image array are told apart") {
  Program program;
  const cl_image_format format{CL_RGBA, CL_UNSIGNED_INT8};
  cl_image_desc desc{};
  desc.image_type = CL_MEM_OBJECT_IMAGE1D_ARRAY;
  desc.image_width = 8, desc.image_array_size = 3;
  desc.image_row_pitch = 32, desc.image_slice_pitch = 64;
  Bytes pixels = counting(3 * 64);
  cl_mem image = clCreateImage(program.context, CL_MEM_COPY_HOST_PTR, &format, &desc, pixels.data(), &program.error);
  REQUIRE(program.error == CL_SUCCESS);
  const size_t origin[] = {0, 2, 0}, region[] = {8, 1, 1};
  Bytes layer(32);
  REQUIRE(clEnqueueReadImage(program.queue, image, CL_TRUE, origin, region, 0, 0, layer.data(), 0, nullptr, nullptr) ==
          0);
  REQUIRE(std::equal(layer.begin(), layer.end(), pixels.begin() + 128));
}

TEST_CASE("a sub-buffer is a window on its parent") {
  Program program;
  Bytes data = counting(4096);
  cl_mem parent = program.make_buffer(data.size(), CL_MEM_COPY_HOST_PTR, data.data());
  const cl_buffer_region region{1024, 512};
  cl_mem sub = clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &program.error);
  REQUIRE(program.error == CL_SUCCESS);
  REQUIRE(clReleaseMemObject(parent) == CL_SUCCESS);
  REQUIRE(program.contents(sub, 512) == Bytes(data.begin() + 1024, data.begin() + 1536));
}

TEST_CASE("an out-of-order queue brings the same bytes") {
  Program program(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Bytes data = counting(100'000), read(100'000);
  cl_mem buffer = program.make_buffer(data.size());
  cl_event gate = clCreateUserEvent(program.context, nullptr), filled = nullptr, written = nullptr, got = nullptr;
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "q", 1, 0, data.size(), 1, &gate, &filled) == CL_SUCCESS);
  REQUIRE(clEnqueueWriteBuffer(program.queue, buffer, CL_FALSE, 0, data.size(), data.data(), 1, &filled, &written) ==
          0);
  REQUIRE(clEnqueueReadBuffer(program.queue, buffer, CL_FALSE, 0, data.size(), read.data(), 1, &written, &got) == 0);
  // What waits for nothing overtakes them.
  Bytes other(16, 1);
  cl_mem second = program.make_buffer(16);
  REQUIRE(clEnqueueWriteBuffer(program.queue, second, CL_TRUE, 0, 16, other.data(), 0, nullptr, nullptr) == CL_SUCCESS);
  REQUIRE(status_of(got) > CL_COMPLETE);
  REQUIRE(clSetUserEventStatus(gate, CL_COMPLETE) == CL_SUCCESS);
  REQUIRE(clWaitForEvents(1, &got) == CL_SUCCESS);
  REQUIRE(read == data);
}
