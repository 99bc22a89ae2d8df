// Arithmetic of boxes and rows: sizes and ends of what a program describes, without overflow. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/backends/backend.h"
#include "wire/commands.h"

namespace sluice::worker {

// Bytes of x * y * z packed rows, or nothing if there are none or they do not fit into 63 bits.
std::optional<std::uint64_t> packed_bytes(const wire::Box& region, std::uint64_t item_bytes = 1);

// One past the last byte that the rows touch, or nothing if that does not fit into 63 bits or the pitches are too
// small.
std::optional<std::uint64_t> end_of(const backend::BufferRows& rows);

// Is the region, which must not be empty, inside the extent?
bool inside(const wire::Box& origin, const wire::Box& region, const wire::Box& extent);

// The extent of an image in pixels, in the words of its kind: layers count as rows of 1D images and as slices of 2D
// images. Nothing: no device could make it.
struct ImageExtent {
  wire::Box box{1, 1, 1};
  std::uint32_t pixel_bytes = 0;
};
std::optional<ImageExtent> extent_of(const wire::ImageCreate& image);

// Bytes from the first pixel to the end of the last, or nothing if they do not fit the pitches or 63 bits.
std::optional<std::uint64_t> image_bytes(const wire::ImageCreate& image, const ImageExtent& extent);

}  // namespace sluice::worker
