#include "image_shapes.h"

#include <cstdio>

namespace conformance {
namespace {

constexpr const char* picture_source = R"CL(
const sampler_t nearest = CLK_NORMALIZED_COORDS_FALSE | CLK_ADDRESS_CLAMP | CLK_FILTER_NEAREST;
kernel void floats_2d(read_only image2d_t from, global float4* out) {
  int2 at = (int2)(get_global_id(0), get_global_id(1));
  out[at.y * get_global_size(0) + at.x] = read_imagef(from, nearest, at);
}
kernel void ints_2d(read_only image2d_t from, global int4* out) {
  int2 at = (int2)(get_global_id(0), get_global_id(1));
  out[at.y * get_global_size(0) + at.x] = read_imagei(from, nearest, at);
}
kernel void uints_2d(read_only image2d_t from, global uint4* out) {
  int2 at = (int2)(get_global_id(0), get_global_id(1));
  out[at.y * get_global_size(0) + at.x] = read_imageui(from, nearest, at);
}
kernel void write_floats(write_only image2d_t to, float4 color) {
  write_imagef(to, (int2)(get_global_id(0), get_global_id(1)), color);
}
kernel void write_ints(write_only image2d_t to, int4 color) {
  write_imagei(to, (int2)(get_global_id(0), get_global_id(1)), color);
}
kernel void write_uints(write_only image2d_t to, uint4 color) {
  write_imageui(to, (int2)(get_global_id(0), get_global_id(1)), color);
}
kernel void bare_2d(read_only image2d_t from, global uint4* out) {
  int2 at = (int2)(get_global_id(0), get_global_id(1));
  out[at.y * get_global_size(0) + at.x] = read_imageui(from, at);
}
kernel void line(read_only image1d_t from, global uint4* out) {
  out[get_global_id(0)] = read_imageui(from, nearest, (int)get_global_id(0));
}
kernel void line_of_buffer(read_only image1d_buffer_t from, global uint4* out) {
  out[get_global_id(0)] = read_imageui(from, (int)get_global_id(0));
}
kernel void lines(read_only image1d_array_t from, global uint4* out) {
  int2 at = (int2)(get_global_id(0), get_global_id(1));
  out[at.y * get_global_size(0) + at.x] = read_imageui(from, nearest, at);
}
kernel void layers(read_only image2d_array_t from, global uint4* out) {
  int4 at = (int4)(get_global_id(0), get_global_id(1), get_global_id(2), 0);
  out[(at.z * get_global_size(1) + at.y) * get_global_size(0) + at.x] = read_imageui(from, nearest, at);
}
kernel void volume(read_only image3d_t from, global uint4* out) {
  int4 at = (int4)(get_global_id(0), get_global_id(1), get_global_id(2), 0);
  out[(at.z * get_global_size(1) + at.y) * get_global_size(0) + at.x] = read_imageui(from, nearest, at);
}
kernel void facts(read_only image2d_t flat, read_only image3d_t deep, read_only image2d_array_t layered,
                  global int* out) {
  int2 size = get_image_dim(flat);
  int4 all = get_image_dim(deep);
  out[0] = size.x; out[1] = size.y; out[2] = all.x; out[3] = all.y; out[4] = all.z;
  out[5] = (int)get_image_array_size(layered); out[6] = get_image_width(layered);
  out[7] = get_image_channel_data_type(flat) == CLK_UNSIGNED_INT8;
  out[8] = get_image_channel_order(flat) == CLK_RGBA;
}
)CL";

}  // namespace

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"1D", desc_of(CL_MEM_OBJECT_IMAGE1D, 13), {13, 1, 1}},
      {"2D", desc_of(CL_MEM_OBJECT_IMAGE2D, 13, 7), {13, 7, 1}},
      {"3D", desc_of(CL_MEM_OBJECT_IMAGE3D, 13, 7, 5), {13, 7, 5}},
      {"1D array", desc_of(CL_MEM_OBJECT_IMAGE1D_ARRAY, 13, 0, 0, 6), {13, 6, 1}},
      {"2D array", desc_of(CL_MEM_OBJECT_IMAGE2D_ARRAY, 13, 7, 0, 4), {13, 7, 4}},
  };
  return all;
}

std::size_t pixels_of(const Three& region) { return region[0] * region[1] * region[2]; }

std::size_t pixel_bytes(cl_mem image) { return info<std::size_t>(clGetImageInfo, image, CL_IMAGE_ELEMENT_SIZE); }

cl_program pictures() {
  static Program* program = new Program(build(picture_source));
  return *program;
}

void run(cl_kernel kernel, const Three& size, cl_uint dimensions) {
  EXPECT_OK(
      clEnqueueNDRangeKernel(rig().queue, kernel, dimensions, nullptr, size.data(), nullptr, 0, nullptr, nullptr));
}

std::string name_of(const cl_image_format& format) {
  char text[16];
  std::snprintf(text, sizeof text, "%x %x", format.image_channel_order, format.image_channel_data_type);
  return text;
}

bool is_float_type(cl_channel_type type) {
  return type == CL_FLOAT || type == CL_HALF_FLOAT || type == CL_UNORM_INT8 || type == CL_UNORM_INT16 ||
         type == CL_SNORM_INT8 || type == CL_SNORM_INT16;
}
bool is_signed_type(cl_channel_type type) {
  return type == CL_SIGNED_INT8 || type == CL_SIGNED_INT16 || type == CL_SIGNED_INT32;
}
bool is_unsigned_type(cl_channel_type type) {
  return type == CL_UNSIGNED_INT8 || type == CL_UNSIGNED_INT16 || type == CL_UNSIGNED_INT32;
}

}  // namespace conformance
