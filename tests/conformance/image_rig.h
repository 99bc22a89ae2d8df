// What the tests of images stand on: formats, descriptors, and transfers of boxes of pixels.
#pragma once

#include <array>

#include "rig.h"

namespace conformance {

using Three = std::array<std::size_t, 3>;

constexpr cl_image_format rgba8{CL_RGBA, CL_UNSIGNED_INT8}, rgba_float{CL_RGBA, CL_FLOAT};

// Skips the test where the device has no images.
void need_images();

cl_image_desc desc_of(cl_mem_object_type type, std::size_t width, std::size_t height = 0, std::size_t depth = 0,
                      std::size_t layers = 0, std::size_t row_pitch = 0);
// Of a 2D image.
cl_image_desc flat(std::size_t width, std::size_t height, std::size_t row_pitch = 0);

Memory make_image(const cl_image_format& format, cl_image_desc desc, cl_mem_flags flags = CL_MEM_READ_WRITE,
                  void* host = nullptr);
void write_image(cl_mem image, Three origin, Three region, const void* from, std::size_t row = 0, std::size_t slice = 0,
                 cl_bool blocking = CL_TRUE);
std::vector<std::uint8_t> read_image(cl_mem image, Three origin, Three region, std::size_t pixel_bytes = 4);

// The formats that the context lists.
std::vector<cl_image_format> formats_of(cl_mem_object_type type, cl_mem_flags flags = CL_MEM_READ_WRITE);

}  // namespace conformance
