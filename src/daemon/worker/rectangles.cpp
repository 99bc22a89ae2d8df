#include "daemon/worker/rectangles.h"

#include "wire/image_format.h"

namespace sluice::worker {
namespace {

using wire::ImageKind;

constexpr std::uint64_t side_max = 1ull << 32;   // of an image
constexpr std::uint64_t value_max = 1ull << 40;  // of rows of a buffer

bool inside(std::uint64_t origin, std::uint64_t region, std::uint64_t extent) {
  return region != 0 && origin < extent && region <= extent - origin;
}

std::optional<std::uint64_t> in_63_bits(unsigned __int128 value) {
  return value <= INT64_MAX ? std::optional(static_cast<std::uint64_t>(value)) : std::nullopt;
}

bool is_kind(const wire::ImageCreate& image, ImageKind kind) { return image.kind == static_cast<std::uint32_t>(kind); }

std::optional<wire::Box> box_of(const wire::ImageCreate& image) {
  if (image.kind > static_cast<std::uint32_t>(ImageKind::d3)) return std::nullopt;  // before it is cut to 8 bits
  switch (static_cast<ImageKind>(image.kind)) {
    case ImageKind::d1:
    case ImageKind::d1_buffer: return wire::Box{image.width, 1, 1};
    case ImageKind::d1_array: return wire::Box{image.width, image.layers, 1};
    case ImageKind::d2: return wire::Box{image.width, image.height, 1};
    case ImageKind::d2_array: return wire::Box{image.width, image.height, image.layers};
    case ImageKind::d3: return wire::Box{image.width, image.height, image.depth};
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<std::uint64_t> packed_bytes(const wire::Box& region, std::uint64_t item_bytes) {
  const auto& [x, y, z] = region;
  if (x == 0 || y == 0 || z == 0) return std::nullopt;
  const auto row = in_63_bits(static_cast<unsigned __int128>(x) * item_bytes);
  const auto rows = in_63_bits(static_cast<unsigned __int128>(y) * z);
  if (!row || !rows) return std::nullopt;
  return in_63_bits(static_cast<unsigned __int128>(*rows) * *row);
}

std::optional<std::uint64_t> end_of(const backend::BufferRows& rows) {
  const auto& [origin, region, row_pitch, slice_pitch] = rows;
  for (const std::uint64_t value : {origin.x, origin.y, origin.z, region.x, region.y, region.z, row_pitch})
    if (value > value_max) return std::nullopt;
  if (region.x == 0 || region.y == 0 || region.z == 0 || row_pitch < region.x) return std::nullopt;
  const auto row = static_cast<unsigned __int128>(row_pitch);
  const auto slice = static_cast<unsigned __int128>(slice_pitch);
  if (slice < row * region.y) return std::nullopt;
  return in_63_bits((slice * (origin.z + region.z - 1)) + (row * (origin.y + region.y - 1)) + origin.x + region.x);
}

bool inside(const wire::Box& origin, const wire::Box& region, const wire::Box& extent) {
  return inside(origin.x, region.x, extent.x) && inside(origin.y, region.y, extent.y) &&
         inside(origin.z, region.z, extent.z);
}

std::optional<ImageExtent> extent_of(const wire::ImageCreate& image) {
  const auto box = box_of(image);
  const std::uint32_t pixel = wire::pixel_bytes(image.channel_order, image.channel_type);
  if (!box || pixel == 0) return std::nullopt;
  const auto [x, y, z] = *box;
  for (const std::uint64_t side : {x, y, z, image.row_pitch})
    if (side > side_max) return std::nullopt;
  if (x == 0 || y == 0 || z == 0 || y * z > side_max) return std::nullopt;
  return ImageExtent{*box, pixel};
}

std::optional<std::uint64_t> image_bytes(const wire::ImageCreate& image, const ImageExtent& extent) {
  const auto [x, y, z] = extent.box;
  const std::uint64_t packed_row = x * extent.pixel_bytes;
  const std::uint64_t row = image.row_pitch != 0 ? image.row_pitch : packed_row;
  if (row < packed_row) return std::nullopt;
  // Layers of 1D images are a slice pitch apart, as layers of 2D images are.
  const bool layered_rows = is_kind(image, ImageKind::d1_array);
  const unsigned __int128 packed_slice = layered_rows ? row : static_cast<unsigned __int128>(row) * y;
  const unsigned __int128 slice = image.slice_pitch != 0 ? image.slice_pitch : packed_slice;
  if (slice < packed_slice) return std::nullopt;
  return in_63_bits(slice * (layered_rows ? y : z));
}

}  // namespace sluice::worker
