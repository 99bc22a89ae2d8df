#include "wire/image_format.h"

#include <array>

namespace sluice::wire {
namespace {

// In the order of ChannelOrder: R A RG RA RGB RGBA BGRA ARGB INTENSITY LUMINANCE Rx RGx RGBx DEPTH DEPTH_STENCIL sRGB
// sRGBx sRGBA sBGRA ABGR
constexpr std::array<std::uint8_t, 20> channels{1, 1, 2, 2, 3, 4, 4, 4, 1, 1, 2, 3, 4, 1, 2, 3, 4, 4, 4, 4};

struct Type {
  std::uint8_t channel_bytes = 0;
  std::uint8_t packed_bytes = 0;  // all channels together, whatever the order
};
// In the order of ChannelType.
constexpr std::array<Type, 17> types{{{1, 0},    // SNORM_INT8
                                      {2, 0},    // SNORM_INT16
                                      {1, 0},    // UNORM_INT8
                                      {2, 0},    // UNORM_INT16
                                      {0, 2},    // UNORM_SHORT_565
                                      {0, 2},    // UNORM_SHORT_555
                                      {0, 4},    // UNORM_INT_101010
                                      {1, 0},    // SIGNED_INT8
                                      {2, 0},    // SIGNED_INT16
                                      {4, 0},    // SIGNED_INT32
                                      {1, 0},    // UNSIGNED_INT8
                                      {2, 0},    // UNSIGNED_INT16
                                      {4, 0},    // UNSIGNED_INT32
                                      {2, 0},    // HALF_FLOAT
                                      {4, 0},    // FLOAT
                                      {0, 4},    // UNORM_INT24
                                      {0, 4}}};  // UNORM_INT_101010_2

}  // namespace

std::uint32_t pixel_bytes(std::uint32_t channel_order, std::uint32_t channel_type) {
  if (channel_order < order_r || channel_order - order_r >= channels.size()) return 0;
  if (channel_type < type_snorm_int8 || channel_type - type_snorm_int8 >= types.size()) return 0;
  const Type& type = types[channel_type - type_snorm_int8];
  if (type.packed_bytes != 0) return type.packed_bytes;
  return std::uint32_t{type.channel_bytes} * channels[channel_order - order_r];
}

}  // namespace sluice::wire
