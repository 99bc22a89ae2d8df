// Image formats: which channels a pixel has, how each is stored, and how large the pixel is. Both sides must agree on
// the size: the program packs rows of pixels, the worker checks that they fit.
//
// Numbers are part of the protocol: never renumber, never reuse.
#pragma once

#include <cstdint>

namespace sluice::wire {

enum ChannelOrder : std::uint32_t {
  order_r = 0x10B0,
  order_a,
  order_rg,
  order_ra,
  order_rgb,
  order_rgba,
  order_bgra,
  order_argb,
  order_intensity,
  order_luminance,
  order_rx,
  order_rgx,
  order_rgbx,
  order_depth,
  order_depth_stencil,
  order_srgb,
  order_srgbx,
  order_srgba,
  order_sbgra,
  order_abgr,
};

enum ChannelType : std::uint32_t {
  type_snorm_int8 = 0x10D0,
  type_snorm_int16,
  type_unorm_int8,
  type_unorm_int16,
  type_unorm_short_565,
  type_unorm_short_555,
  type_unorm_int_101010,
  type_signed_int8,
  type_signed_int16,
  type_signed_int32,
  type_unsigned_int8,
  type_unsigned_int16,
  type_unsigned_int32,
  type_half_float,
  type_float,
  type_unorm_int24,
  type_unorm_int_101010_2,
};

// Bytes of one pixel; 0: no such format.
std::uint32_t pixel_bytes(std::uint32_t channel_order, std::uint32_t channel_type);

}  // namespace sluice::wire
