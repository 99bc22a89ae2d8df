#include "daemon/worker/rectangles.h"

#include <catch2/catch.hpp>

namespace sluice::worker {
namespace {

TEST_CASE("packed bytes are those of all rows, and nothing where there are none or too many") {
  CHECK(packed_bytes({3, 4, 5}) == 60);
  CHECK(packed_bytes({3, 4, 5}, 16) == 960);
  CHECK_FALSE(packed_bytes({0, 4, 5}));
  CHECK_FALSE(packed_bytes({3, 0, 5}));
  CHECK_FALSE(packed_bytes({UINT64_MAX, 1, 1}));
  CHECK_FALSE(packed_bytes({1ull << 32, 1ull << 31, 1}));
  CHECK_FALSE(packed_bytes({1ull << 62, 1, 1}, 4));
  CHECK_FALSE(packed_bytes({2, UINT64_MAX, UINT64_MAX}));
}

TEST_CASE("rows end after the last byte of the last row, and nowhere if their pitches are too small") {
  CHECK(end_of({{0, 0, 0}, {16, 4, 2}, 64, 1024}) == 1024 + 3 * 64 + 16);
  CHECK(end_of({{4, 1, 1}, {16, 1, 1}, 64, 1024}) == 1024 + 64 + 4 + 16);
  CHECK_FALSE(end_of({{0, 0, 0}, {16, 4, 2}, 8, 1024}));
  CHECK_FALSE(end_of({{0, 0, 0}, {16, 4, 2}, 64, 128}));
  CHECK_FALSE(end_of({{UINT64_MAX, 0, 0}, {16, 4, 2}, 64, 1024}));
  CHECK_FALSE(end_of({{0, 0, 1}, {16, 4, 2}, 64, UINT64_MAX}));
}

TEST_CASE("a region is inside only whole, and an empty one nowhere") {
  CHECK(inside({0, 0, 0}, {8, 8, 8}, {8, 8, 8}));
  CHECK(inside({7, 7, 7}, {1, 1, 1}, {8, 8, 8}));
  CHECK_FALSE(inside({8, 0, 0}, {1, 1, 1}, {8, 8, 8}));
  CHECK_FALSE(inside({1, 0, 0}, {8, 1, 1}, {8, 8, 8}));
  CHECK_FALSE(inside({0, 0, 0}, {0, 1, 1}, {8, 8, 8}));
  CHECK_FALSE(inside({1, 0, 0}, {UINT64_MAX, 1, 1}, {8, 8, 8}));
}

wire::ImageCreate image(wire::ImageKind kind) {
  wire::ImageCreate create;
  create.kind = static_cast<std::uint32_t>(kind);
  create.width = 8, create.height = 4, create.depth = 2, create.layers = 3;
  create.channel_order = 0x10B5, create.channel_type = 0x10D2;  // RGBA, UNORM_INT8
  return create;
}

TEST_CASE("layers are rows of 1D images and slices of 2D images") {
  const auto rows_and_slices = [](wire::ImageKind kind) {
    const auto extent = extent_of(image(kind));
    REQUIRE(extent);
    return std::pair(extent->box.y, extent->box.z);
  };
  CHECK(rows_and_slices(wire::ImageKind::d1) == std::pair<std::uint64_t, std::uint64_t>(1, 1));
  CHECK(rows_and_slices(wire::ImageKind::d1_array) == std::pair<std::uint64_t, std::uint64_t>(3, 1));
  CHECK(rows_and_slices(wire::ImageKind::d2) == std::pair<std::uint64_t, std::uint64_t>(4, 1));
  CHECK(rows_and_slices(wire::ImageKind::d2_array) == std::pair<std::uint64_t, std::uint64_t>(4, 3));
  CHECK(rows_and_slices(wire::ImageKind::d3) == std::pair<std::uint64_t, std::uint64_t>(4, 2));
}

TEST_CASE("an image of no kind, no side or no format has no extent") {
  auto wrong = image(wire::ImageKind::d2);
  wrong.kind = 256 + static_cast<std::uint32_t>(wire::ImageKind::d2);
  CHECK_FALSE(extent_of(wrong));
  wrong = image(wire::ImageKind::d2), wrong.width = 0;
  CHECK_FALSE(extent_of(wrong));
  wrong = image(wire::ImageKind::d2), wrong.height = UINT64_MAX;
  CHECK_FALSE(extent_of(wrong));
  wrong = image(wire::ImageKind::d2), wrong.channel_type = 0;
  CHECK_FALSE(extent_of(wrong));
}

TEST_CASE("an image's bytes follow its pitches, which may not be smaller than what they hold") {
  auto create = image(wire::ImageKind::d3);
  CHECK(image_bytes(create, *extent_of(create)) == 8 * 4 * 4 * 2);
  create.row_pitch = 64, create.slice_pitch = 1024;
  CHECK(image_bytes(create, *extent_of(create)) == 2048);
  create.slice_pitch = 128;
  CHECK_FALSE(image_bytes(create, *extent_of(create)));
  create.row_pitch = 16;
  CHECK_FALSE(image_bytes(create, *extent_of(create)));
}

}  // namespace
}  // namespace sluice::worker
