#include "shim/opencl/rect.h"

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "catch2/catch.hpp"

using namespace sluice::opencl;
using sluice::wire::Box;

namespace {

std::set<std::ptrdiff_t> bytes_of(std::ptrdiff_t start, const Box& region, const Pitches& pitch) {
  std::set<std::ptrdiff_t> bytes;
  for (std::size_t z = 0; z < region.z; ++z)
    for (std::size_t y = 0; y < region.y; ++y)
      for (std::size_t x = 0; x < region.x; ++x)
        bytes.insert(start + static_cast<std::ptrdiff_t>(x + y * pitch.row + z * pitch.slice));
  return bytes;
}

}  // namespace

TEST_CASE("boxes overlap exactly where they share a byte") {
  std::mt19937 random(1);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(random); };
  for (int round = 0; round < 3000; ++round) {
    const Box region{up_to(5), up_to(4), up_to(3)};
    Pitches pitch;
    pitch.row = region.x + up_to(4) - 1;
    pitch.slice = pitch.row * (region.y + up_to(3) - 1);
    const auto distance = static_cast<std::ptrdiff_t>(up_to(160)) - 80;
    const auto first = bytes_of(0, region, pitch), second = bytes_of(distance, region, pitch);
    const bool shared = std::any_of(first.begin(), first.end(), [&](std::ptrdiff_t at) { return second.contains(at); });
    CAPTURE(region.x, region.y, region.z, pitch.row, pitch.slice, distance);
    REQUIRE(boxes_overlap(distance, region, pitch) == shared);
  }
}

TEST_CASE("pitches left open are packed, and impossible ones are refused") {
  const auto packed = complete_pitches(12, 5, 0, 0);
  REQUIRE(packed);
  REQUIRE(packed->row == 12);
  REQUIRE(packed->slice == 60);
  REQUIRE(complete_pitches(12, 5, 16, 96)->slice == 96);
  REQUIRE_FALSE(complete_pitches(12, 5, 11, 0));
  REQUIRE_FALSE(complete_pitches(12, 5, 16, 79));
  REQUIRE_FALSE(complete_pitches(12, 5, 16, 90));
  REQUIRE_FALSE(complete_pitches(12, SIZE_MAX / 4, 16, 0));
}

TEST_CASE("the end of a box is its last byte, or nothing if the numbers overflow") {
  REQUIRE(end_of({3, 2, 1}, {7, 3, 2}, {32, 256}) == 2u * 256 + 4 * 32 + 10);
  REQUIRE_FALSE(end_of({0, 0, SIZE_MAX / 2}, {1, 1, 1}, {32, 256}));
  REQUIRE_FALSE(end_of({SIZE_MAX, 0, 0}, {2, 1, 1}, {32, 256}));
}
