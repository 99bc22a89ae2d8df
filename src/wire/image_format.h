// How large a pixel is. Both sides must agree on it: the program packs rows of pixels, the worker checks that they fit.
#pragma once

#include <cstdint>

namespace sluice::wire {

// Bytes of one pixel, for channel orders and types by the numbers of the OpenCL specification (OpenCL 3.0, section
// 5.3.1.1); 0: no such format.
std::uint32_t pixel_bytes(std::uint32_t channel_order, std::uint32_t channel_type);

}  // namespace sluice::wire
