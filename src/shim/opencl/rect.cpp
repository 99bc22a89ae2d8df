#include "shim/opencl/rect.h"

namespace sluice::opencl {
namespace {

// a * b + c, or nothing.
std::optional<std::size_t> multiply_add(std::size_t a, std::size_t b, std::size_t c) {
  std::size_t product = 0, sum = 0;
  if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(product, c, &sum)) return std::nullopt;
  return sum;
}

}  // namespace

std::optional<Pitches> complete_pitches(std::size_t row_bytes, std::size_t rows, std::size_t row_pitch,
                                        std::size_t slice_pitch) {
  Pitches pitch{row_pitch != 0 ? row_pitch : row_bytes, slice_pitch};
  if (pitch.row < row_bytes) return std::nullopt;
  const auto slice_bytes = multiply_add(pitch.row, rows, 0);
  if (!slice_bytes) return std::nullopt;
  if (pitch.slice == 0) pitch.slice = *slice_bytes;
  if (pitch.slice < *slice_bytes || pitch.slice % pitch.row != 0) return std::nullopt;
  return pitch;
}

std::optional<std::size_t> end_of(const wire::Box& origin, const wire::Box& region, const Pitches& pitch) {
  std::size_t x = 0, y = 0, z = 0;
  if (__builtin_add_overflow(origin.x, region.x, &x) || __builtin_add_overflow(origin.y, region.y - 1, &y) ||
      __builtin_add_overflow(origin.z, region.z - 1, &z))
    return std::nullopt;
  const auto rows_end = multiply_add(y, pitch.row, x);
  return rows_end ? multiply_add(z, pitch.slice, *rows_end) : std::nullopt;
}

// Two rows of region.x bytes overlap if their starts are less than that apart. The starts differ by
// distance + dy * row + dz * slice, for row and slice differences that exist in the region; for each dz only the two
// values of dy that bring the sum next to zero can matter.
bool boxes_overlap(std::ptrdiff_t distance, const wire::Box& region, const Pitches& pitch) {
  const auto width = static_cast<std::ptrdiff_t>(region.x);
  const auto height = static_cast<std::ptrdiff_t>(region.y), depth = static_cast<std::ptrdiff_t>(region.z);
  const auto row = static_cast<std::ptrdiff_t>(pitch.row), slice = static_cast<std::ptrdiff_t>(pitch.slice);
  for (std::ptrdiff_t dz = 1 - depth; dz < depth; ++dz) {
    const std::ptrdiff_t rest = distance + dz * slice;
    const std::ptrdiff_t nearest = -rest / row;
    for (std::ptrdiff_t dy = nearest - 1; dy <= nearest + 1; ++dy) {
      const std::ptrdiff_t apart = rest + dy * row;
      if (dy > -height && dy < height && apart > -width && apart < width) return true;
    }
  }
  return false;
}

}  // namespace sluice::opencl
