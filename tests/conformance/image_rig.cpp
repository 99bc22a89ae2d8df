#include "image_rig.h"

namespace conformance {

void need_images() {
  if (info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_IMAGE_SUPPORT) == CL_FALSE) skip("no images here");
}

Memory make_image(const cl_image_format& format, cl_image_desc desc, cl_mem_flags flags, void* host) {
  need_images();
  cl_int code = CL_SUCCESS;
  Memory image = clCreateImage(rig().context, flags, &format, &desc, host, &code);
  EXPECT_OK(code);
  return image;
}

cl_image_desc desc_of(cl_mem_object_type type, std::size_t width, std::size_t height, std::size_t depth,
                      std::size_t layers, std::size_t row_pitch) {
  cl_image_desc desc{};
  desc.image_type = type;
  desc.image_width = width;
  desc.image_height = height;
  desc.image_depth = depth;
  desc.image_array_size = layers;
  desc.image_row_pitch = row_pitch;
  return desc;
}

cl_image_desc flat(std::size_t width, std::size_t height, std::size_t row_pitch) {
  return desc_of(CL_MEM_OBJECT_IMAGE2D, width, height, 0, 0, row_pitch);
}

void write_image(cl_mem image, Three origin, Three region, const void* from, std::size_t row, std::size_t slice,
                 cl_bool blocking) {
  EXPECT_OK(clEnqueueWriteImage(rig().queue, image, blocking, origin.data(), region.data(), row, slice, from, 0,
                                nullptr, nullptr));
}

std::vector<std::uint8_t> read_image(cl_mem image, Three origin, Three region, std::size_t pixel_bytes) {
  std::vector<std::uint8_t> got(region[0] * region[1] * region[2] * pixel_bytes);
  EXPECT_OK(clEnqueueReadImage(rig().queue, image, CL_TRUE, origin.data(), region.data(), 0, 0, got.data(), 0, nullptr,
                               nullptr));
  return got;
}

std::vector<cl_image_format> formats_of(cl_mem_object_type type, cl_mem_flags flags) {
  cl_uint count = 0;
  EXPECT_OK(clGetSupportedImageFormats(rig().context, flags, type, 0, nullptr, &count));
  std::vector<cl_image_format> formats(count);
  EXPECT_OK(clGetSupportedImageFormats(rig().context, flags, type, count, formats.data(), nullptr));
  return formats;
}

}  // namespace conformance
