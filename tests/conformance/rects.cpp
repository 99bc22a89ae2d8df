// Rectangles of buffers, against a plain loop (OpenCL 3.0, section 5.2.2).
#include <array>
#include <cstring>

#include "rig.h"

namespace conformance {
namespace {

using Three = std::array<std::size_t, 3>;

struct Layout {
  Three origin{};
  std::size_t row_pitch = 0, slice_pitch = 0;  // 0: packed
};

std::size_t at(const Layout& layout, const Three& region, std::size_t y, std::size_t z) {
  const std::size_t row = layout.row_pitch != 0 ? layout.row_pitch : region[0];
  const std::size_t slice = layout.slice_pitch != 0 ? layout.slice_pitch : row * region[1];
  return (layout.origin[2] + z) * slice + (layout.origin[1] + y) * row + layout.origin[0];
}

void copy_rows(const std::vector<std::uint8_t>& from, const Layout& from_layout, std::vector<std::uint8_t>& to,
               const Layout& to_layout, const Three& region) {
  for (std::size_t z = 0; z < region[2]; ++z) {
    for (std::size_t y = 0; y < region[1]; ++y) {
      std::memcpy(&to[at(to_layout, region, y, z)], &from[at(from_layout, region, y, z)], region[0]);
    }
  }
}

struct Case {
  Layout device, host;
  Three region;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {{{0, 0, 0}, 0, 0}, {{0, 0, 0}, 0, 0}, {100, 1, 1}},
      {{{0, 0, 0}, 64, 0}, {{0, 0, 0}, 0, 0}, {16, 8, 1}},
      {{{3, 2, 0}, 64, 0}, {{5, 1, 0}, 48, 0}, {17, 9, 1}},
      {{{3, 2, 1}, 64, 1024}, {{5, 1, 2}, 48, 960}, {17, 9, 3}},
      {{{0, 0, 0}, 32, 32 * 8}, {{0, 0, 0}, 32, 32 * 8}, {32, 8, 4}},
      {{{1, 0, 3}, 40, 40 * 10}, {{0, 0, 0}, 0, 0}, {7, 10, 2}},
  };
  return all;
}

constexpr std::size_t room = 8192;

template <typename Do>
void for_each_case(Do&& test) {
  for (const Case& one : cases()) test(one);
}

}  // namespace

TEST("rect: reads take the right rows") {
  const auto data = pattern(room);
  Memory buffer = buffer_of(data);
  for_each_case([&](const Case& c) {
    std::vector<std::uint8_t> got(room, 0xAA), wanted(room, 0xAA);
    copy_rows(data, c.device, wanted, c.host, c.region);
    EXPECT_OK(clEnqueueReadBufferRect(rig().queue, buffer, CL_TRUE, c.device.origin.data(), c.host.origin.data(),
                                      c.region.data(), c.device.row_pitch, c.device.slice_pitch, c.host.row_pitch,
                                      c.host.slice_pitch, got.data(), 0, nullptr, nullptr));
    EXPECT(got == wanted);
  });
}

TEST("rect: non-blocking reads take the right rows and touch nothing else") {
  const auto data = pattern(room);
  Memory buffer = buffer_of(data);
  Kernel empty = make_kernel(kit(), "empty");
  for_each_case([&](const Case& c) {
    std::vector<std::uint8_t> got(room, 0xAA), wanted(room, 0xAA);
    copy_rows(data, c.device, wanted, c.host, c.region);
    EXPECT_OK(launch(rig().queue, empty, 1));
    EXPECT_OK(clEnqueueReadBufferRect(rig().queue, buffer, CL_FALSE, c.device.origin.data(), c.host.origin.data(),
                                      c.region.data(), c.device.row_pitch, c.device.slice_pitch, c.host.row_pitch,
                                      c.host.slice_pitch, got.data(), 0, nullptr, nullptr));
    EXPECT_OK(clFinish(rig().queue));
    EXPECT(got == wanted);
  });
}

TEST("rect: writes put the right rows, blocking or not") {
  const auto data = pattern(room, 2);
  Kernel empty = make_kernel(kit(), "empty");
  for (const cl_bool blocking : {CL_TRUE, CL_FALSE}) {
    for_each_case([&](const Case& c) {
      std::vector<std::uint8_t> wanted(room, 0x55);
      Memory buffer = buffer_of(wanted);
      copy_rows(data, c.host, wanted, c.device, c.region);
      EXPECT_OK(launch(rig().queue, empty, 1));
      EXPECT_OK(clEnqueueWriteBufferRect(rig().queue, buffer, blocking, c.device.origin.data(), c.host.origin.data(),
                                         c.region.data(), c.device.row_pitch, c.device.slice_pitch, c.host.row_pitch,
                                         c.host.slice_pitch, data.data(), 0, nullptr, nullptr));
      EXPECT(contents<std::uint8_t>(buffer, room) == wanted);
    });
  }
}

TEST("rect: copies move the right rows") {
  const auto data = pattern(room, 3);
  Memory from = buffer_of(data);
  for_each_case([&](const Case& c) {
    std::vector<std::uint8_t> wanted(room, 0x33);
    Memory to = buffer_of(wanted);
    copy_rows(data, c.device, wanted, c.host, c.region);
    EXPECT_OK(clEnqueueCopyBufferRect(rig().queue, from, to, c.device.origin.data(), c.host.origin.data(),
                                      c.region.data(), c.device.row_pitch, c.device.slice_pitch, c.host.row_pitch,
                                      c.host.slice_pitch, 0, nullptr, nullptr));
    EXPECT(contents<std::uint8_t>(to, room) == wanted);
  });
}

TEST("rect: copies within a buffer that do not overlap are allowed, others refused") {
  auto data = pattern(1024);
  Memory buffer = buffer_of(data);
  const Three left{0, 0, 0}, right{16, 0, 0}, near{4, 0, 0}, region{8, 4, 1};
  const auto copy = [&](const Three& to) {
    return clEnqueueCopyBufferRect(rig().queue, buffer, buffer, left.data(), to.data(), region.data(), 32, 0, 32, 0, 0,
                                   nullptr, nullptr);
  };
  EXPECT_OK(copy(right));
  copy_rows(data, {left, 32, 0}, data, {right, 32, 0}, region);
  EXPECT(contents<std::uint8_t>(buffer, 1024) == data);
  EXPECT_CODE(copy(near), CL_MEM_COPY_OVERLAP);
}

TEST("rect: wrong rectangles are refused") {
  Memory buffer = make_buffer(1024);
  std::vector<std::uint8_t> host(4096);
  const Three zero{0, 0, 0};
  const auto read = [&](const Three& origin, const Three& region, std::size_t row, std::size_t slice, void* pointer) {
    return clEnqueueReadBufferRect(rig().queue, buffer, CL_TRUE, origin.data(), zero.data(), region.data(), row, slice,
                                   0, 0, pointer, 0, nullptr, nullptr);
  };
  EXPECT_CODE(read(zero, {0, 1, 1}, 0, 0, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {1, 0, 1}, 0, 0, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {1, 1, 0}, 0, 0, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {1025, 1, 1}, 0, 0, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read({0, 32, 0}, {8, 1, 1}, 32, 0, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {32, 2, 1}, 16, 0, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {8, 4, 2}, 16, 40, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {8, 1, 1}, 0, 0, nullptr), CL_INVALID_VALUE);
}

}  // namespace conformance
