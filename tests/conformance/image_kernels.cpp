// What kernels read from images and write into them (OpenCL C, section 6.15.15; OpenCL 3.0, section 5.9.2).
#include <algorithm>

#include "image_shapes.h"

namespace conformance {
namespace {

Kernel reader(const char* name, cl_mem image, const Memory& out) {
  Kernel kernel = make_kernel(pictures(), name);
  EXPECT_OK(clSetKernelArg(kernel, 0, sizeof image, &image));
  EXPECT_OK(set_arg(kernel, 1, out));
  return kernel;
}

}  // namespace

TEST("C 6.15.15 kernels read every kind of image") {
  const char* names[] = {"line", "uints_2d", "volume", "lines", "layers"};
  const cl_uint dimensions[] = {1, 2, 3, 2, 3};
  for (std::size_t i = 0; i < shapes().size(); ++i) {
    const auto& shape = shapes()[i];
    Memory image = make_image(rgba8, shape.desc), out = make_buffer(pixels_of(shape.region) * 16);
    const auto data = pattern(pixels_of(shape.region) * 4);
    write_image(image, {0, 0, 0}, shape.region, data.data());
    run(reader(names[i], image, out), shape.region, dimensions[i]);
    const std::vector<cl_uint> wanted(data.begin(), data.end());
    CHECK_FOR(shape.name, contents<cl_uint>(out, data.size()) == wanted);
  }
}

TEST("C 6.15.15 kernels read images of a buffer") {
  auto data = pattern(64);
  Memory buffer = buffer_of(data), out = make_buffer(256);
  cl_image_desc desc = desc_of(CL_MEM_OBJECT_IMAGE1D_BUFFER, 16);
  desc.buffer = buffer;
  Memory image = make_image(rgba8, desc);
  run(reader("line_of_buffer", image, out), {16, 1, 1}, 1);
  CHECK(contents<cl_uint>(out, 64) == std::vector<cl_uint>(data.begin(), data.end()));
  CHECK(info<cl_mem>(clGetImageInfo, image, CL_IMAGE_BUFFER) == buffer);
}

TEST("C 6.15.15 kernels read without a sampler") {
  Memory image = make_image(rgba8, flat(13, 7)), out = make_buffer(13 * 7 * 16);
  const auto data = pattern(13 * 7 * 4);
  write_image(image, {0, 0, 0}, {13, 7, 1}, data.data());
  run(reader("bare_2d", image, out), {13, 7, 1}, 2);
  CHECK(contents<cl_uint>(out, data.size()) == std::vector<cl_uint>(data.begin(), data.end()));
}

TEST("C 6.15.15 what a kernel writes into every format it reads again") {
  const float light[4] = {0.f, 1.f, 1.f, 1.f};
  const cl_int whole[4] = {1, -2, 3, 100};
  const cl_uint natural[4] = {1, 2, 3, 100};
  for (const cl_channel_order order : {CL_RGBA, CL_BGRA}) {
    for (const auto& format : formats_of(CL_MEM_OBJECT_IMAGE2D)) {
      const cl_channel_type type = format.image_channel_data_type;
      if (format.image_channel_order != order) continue;
      Memory image = make_image(format, flat(5, 3)), out = make_buffer(5 * 3 * 16);
      if (is_float_type(type)) {
        Kernel kernel = make_kernel(pictures(), "write_floats");
        EXPECT_OK(set_arg(kernel, 0, image));
        EXPECT_OK(clSetKernelArg(kernel, 1, 16, light));
        run(kernel, {5, 3, 1}, 2);
        run(reader("floats_2d", image, out), {5, 3, 1}, 2);
        const auto got = contents<float>(out, 4, 14 * 16);
        CHECK_FOR(name_of(format), std::equal(got.begin(), got.end(), light));
      } else if (is_signed_type(type)) {
        Kernel kernel = make_kernel(pictures(), "write_ints");
        EXPECT_OK(set_arg(kernel, 0, image));
        EXPECT_OK(clSetKernelArg(kernel, 1, 16, whole));
        run(kernel, {5, 3, 1}, 2);
        run(reader("ints_2d", image, out), {5, 3, 1}, 2);
        const auto got = contents<cl_int>(out, 4, 14 * 16);
        CHECK_FOR(name_of(format), std::equal(got.begin(), got.end(), whole));
      } else if (is_unsigned_type(type)) {
        Kernel kernel = make_kernel(pictures(), "write_uints");
        EXPECT_OK(set_arg(kernel, 0, image));
        EXPECT_OK(clSetKernelArg(kernel, 1, 16, natural));
        run(kernel, {5, 3, 1}, 2);
        run(reader("uints_2d", image, out), {5, 3, 1}, 2);
        const auto got = contents<cl_uint>(out, 4, 14 * 16);
        CHECK_FOR(name_of(format), std::equal(got.begin(), got.end(), natural));
      }
    }
  }
}

TEST("C 6.15.15 kernels know sizes, layers and formats") {
  Memory image = make_image(rgba8, flat(19, 23)), deep = make_image(rgba8, desc_of(CL_MEM_OBJECT_IMAGE3D, 5, 4, 3));
  Memory layered = make_image(rgba8, desc_of(CL_MEM_OBJECT_IMAGE2D_ARRAY, 7, 6, 0, 9)), out = make_buffer(36);
  Kernel kernel = make_kernel(pictures(), "facts");
  EXPECT_OK(set_arg(kernel, 0, image));
  EXPECT_OK(set_arg(kernel, 1, deep));
  EXPECT_OK(set_arg(kernel, 2, layered));
  EXPECT_OK(set_arg(kernel, 3, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  CHECK(contents<int>(out, 9) == std::vector<int>({19, 23, 5, 4, 3, 9, 7, 1, 1}));
}

TEST("5.9.2 image and sampler arguments refuse what they cannot be") {
  Memory buffer = make_buffer(64), image = make_image(rgba8, flat(4, 4)), out = make_buffer(1024);
  Memory writes = make_image(rgba8, flat(4, 4), CL_MEM_WRITE_ONLY);
  Memory reads = make_image(rgba8, flat(4, 4), CL_MEM_READ_ONLY);
  Kernel kernel = make_kernel(pictures(), "uints_2d"), writer = make_kernel(pictures(), "write_uints");
  CHECK_CODE(set_arg(kernel, 0, buffer), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(set_arg(kernel, 1, image), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(set_arg(kernel, 0, writes), CL_INVALID_ARG_VALUE);
  CHECK_CODE(set_arg(writer, 0, reads), CL_INVALID_ARG_VALUE);
  CHECK_CODE(clSetKernelArg(kernel, 0, 4, image.address()), CL_INVALID_ARG_SIZE);
  CHECK_CODE(set_arg(kernel, 0, image), CL_SUCCESS);
  CHECK_CODE(set_arg(kernel, 0, reads), CL_SUCCESS);
  CHECK_CODE(set_arg(writer, 0, writes), CL_SUCCESS);
}

}  // namespace conformance
