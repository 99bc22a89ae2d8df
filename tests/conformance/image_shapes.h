// A shape of every kind of image, what tells formats apart, and kernels that read and write pictures.
#pragma once

#include <string>
#include <vector>

#include "image_rig.h"

namespace conformance {

struct Shape {
  const char* name;
  cl_image_desc desc;
  Three region;
};
const std::vector<Shape>& shapes();
std::size_t pixels_of(const Three& region);
std::size_t pixel_bytes(cl_mem image);

std::string name_of(const cl_image_format& format);
bool is_float_type(cl_channel_type type);
bool is_signed_type(cl_channel_type type);
bool is_unsigned_type(cl_channel_type type);

// The program of image_shapes.cpp, built once.
cl_program pictures();
// Launches the kernel over `size` work-items.
void run(cl_kernel kernel, const Three& size, cl_uint dimensions);

}  // namespace conformance
