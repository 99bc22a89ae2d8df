// Rectangles in linear memory: default pitches, bounds and overlap, as clEnqueue*BufferRect need them
// (OpenCL 3.0, section 5.2.2).
#pragma once

#include <CL/cl.h>

#include <cstddef>
#include <optional>

#include "shim/rows.h"
#include "wire/commands.h"

namespace sluice::opencl {

using shim::Pitches;

// A box from the three numbers that the API passes.
inline wire::Box box_of(const size_t* xyz) { return {xyz[0], xyz[1], xyz[2]}; }
inline bool is_empty(const wire::Box& region) { return region.x == 0 || region.y == 0 || region.z == 0; }

// Pitches with their defaults for a region whose rows have `row_bytes`. Nothing: the program's pitches are too small,
// or a slice is not a whole number of rows, or the numbers overflow.
std::optional<Pitches> complete_pitches(std::size_t row_bytes, std::size_t rows, std::size_t row_pitch,
                                        std::size_t slice_pitch);

// Bytes from the start of the memory to the end of the box. Nothing: the numbers overflow.
std::optional<std::size_t> end_of(const wire::Box& origin, const wire::Box& region, const Pitches& pitch);
inline std::size_t start_of(const wire::Box& origin, const Pitches& pitch) {
  return origin.x + origin.y * pitch.row + origin.z * pitch.slice;
}

// Do two boxes of the same shape and pitches share a byte, if they start `distance` bytes apart?
bool boxes_overlap(std::ptrdiff_t distance, const wire::Box& region, const Pitches& pitch);

}  // namespace sluice::opencl
