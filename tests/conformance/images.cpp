// Images (OpenCL 3.0, section 5.3).
#include <array>
#include <cstring>

#include "image_rig.h"

namespace conformance {
namespace {

constexpr const char* image_source = R"CL(
const sampler_t nearest = CLK_NORMALIZED_COORDS_FALSE | CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_NEAREST;
kernel void invert(read_only image2d_t from, write_only image2d_t to) {
  int2 at = (int2)(get_global_id(0), get_global_id(1));
  write_imageui(to, at, (uint4)(255) - read_imageui(from, nearest, at));
}
kernel void sample(read_only image2d_t from, sampler_t how, global float4* out, float2 at) {
  out[0] = read_imagef(from, how, at);
}
kernel void size(read_only image2d_t image, global int* out) {
  out[0] = get_image_width(image); out[1] = get_image_height(image);
}
kernel void sum3d(read_only image3d_t image, global uint* out) {
  uint4 total = 0;
  for (int z = 0; z < get_image_depth(image); ++z)
    for (int y = 0; y < get_image_height(image); ++y)
      for (int x = 0; x < get_image_width(image); ++x) total += read_imageui(image, nearest, (int4)(x, y, z, 0));
  out[0] = total.x + total.y + total.z + total.w;
}
)CL";

cl_program image_program() {
  static Program* program = new Program(build(image_source));
  return *program;
}

}  // namespace

TEST("image: 2D writes are read back, whole and in part") {
  Memory image = make_image(rgba8, flat(37, 21));
  auto data = pattern(37 * 21 * 4);
  write_image(image, {0, 0, 0}, {37, 21, 1}, data.data());
  EXPECT(read_image(image, {0, 0, 0}, {37, 21, 1}) == data);
  const auto part = read_image(image, {5, 7, 0}, {11, 3, 1});
  for (std::size_t y = 0; y < 3; ++y) {
    EXPECT(std::memcmp(&part[y * 44], &data[((7 + y) * 37 + 5) * 4], 44) == 0);
  }
}

TEST("image: writes and reads with row pitches of the host") {
  Memory image = make_image(rgba8, flat(16, 8));
  const auto data = pattern(100 * 8);
  write_image(image, {0, 0, 0}, {16, 8, 1}, data.data(), 100);
  std::vector<std::uint8_t> got(80 * 8, 0xAA);
  const Three origin{0, 0, 0}, region{16, 8, 1};
  EXPECT_OK(clEnqueueReadImage(rig().queue, image, CL_TRUE, origin.data(), region.data(), 80, 0, got.data(), 0, nullptr,
                               nullptr));
  for (std::size_t y = 0; y < 8; ++y) {
    EXPECT(std::memcmp(&got[y * 80], &data[y * 100], 64) == 0);
    if (y < 7) EXPECT(got[y * 80 + 64] == 0xAA && got[y * 80 + 79] == 0xAA);
  }
}

TEST("image: non-blocking writes and reads keep their order") {
  Memory image = make_image(rgba8, flat(64, 64));
  const auto first = pattern(16384, 1), second = pattern(16384, 2);
  std::vector<std::uint8_t> got_first(16384), got_second(16384);
  const Three origin{0, 0, 0}, region{64, 64, 1};
  const auto read = [&](std::vector<std::uint8_t>& to) {
    EXPECT_OK(clEnqueueReadImage(rig().queue, image, CL_FALSE, origin.data(), region.data(), 0, 0, to.data(), 0,
                                 nullptr, nullptr));
  };
  write_image(image, origin, region, first.data(), 0, 0, CL_FALSE);
  read(got_first);
  write_image(image, origin, region, second.data(), 0, 0, CL_FALSE);
  read(got_second);
  EXPECT_OK(clFinish(rig().queue));
  EXPECT(got_first == first && got_second == second);
}

TEST("image: COPY_HOST_PTR takes the host's pitch") {
  auto data = pattern(64 * 5);
  Memory image = make_image(rgba8, flat(10, 5, 64), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, data.data());
  const auto got = read_image(image, {0, 0, 0}, {10, 5, 1});
  for (std::size_t y = 0; y < 5; ++y) EXPECT(std::memcmp(&got[y * 40], &data[y * 64], 40) == 0);
}

TEST("image: USE_HOST_PTR starts with the host's pixels, and maps into them") {
  auto data = pattern(16 * 8 * 4);
  const auto original = data;
  Memory image = make_image(rgba8, flat(16, 8), CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, data.data());
  EXPECT(read_image(image, {0, 0, 0}, {16, 8, 1}) == original);
  const auto patch = pattern(16 * 4, 5);
  write_image(image, {0, 2, 0}, {16, 1, 1}, patch.data());
  const Three origin{0, 0, 0}, region{16, 8, 1};
  std::size_t row = 0;
  cl_int code = CL_SUCCESS;
  void* mapped = clEnqueueMapImage(rig().queue, image, CL_TRUE, CL_MAP_READ, origin.data(), region.data(), &row,
                                   nullptr, 0, nullptr, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(mapped == data.data() && row == 64);
  EXPECT(std::memcmp(&data[128], patch.data(), 64) == 0);
  EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, image, mapped, 0, nullptr, nullptr));
  EXPECT_OK(clFinish(rig().queue));
}

TEST("image: 3D, arrays and 1D") {
  struct Case {
    cl_image_desc desc;
    Three region;
  };
  const std::vector<Case> cases = {
      {desc_of(CL_MEM_OBJECT_IMAGE3D, 9, 7, 5), {9, 7, 5}},
      {desc_of(CL_MEM_OBJECT_IMAGE2D_ARRAY, 9, 7, 0, 4), {9, 7, 4}},
      {desc_of(CL_MEM_OBJECT_IMAGE1D, 33), {33, 1, 1}},
      {desc_of(CL_MEM_OBJECT_IMAGE1D_ARRAY, 33, 0, 0, 6), {33, 6, 1}},
  };
  for (const Case& c : cases) {
    Memory image = make_image(rgba8, c.desc);
    const auto data = pattern(c.region[0] * c.region[1] * c.region[2] * 4);
    write_image(image, {0, 0, 0}, c.region, data.data());
    EXPECT(read_image(image, {0, 0, 0}, c.region) == data);
  }
}

TEST("image: a slice in the middle of a 3D image, with pitches") {
  Memory image = make_image(rgba8, desc_of(CL_MEM_OBJECT_IMAGE3D, 8, 8, 4), CL_MEM_READ_WRITE);
  std::vector<std::uint8_t> all(8 * 8 * 4 * 4, 0);
  write_image(image, {0, 0, 0}, {8, 8, 4}, all.data());
  const auto piece = pattern(2000);
  write_image(image, {2, 3, 1}, {4, 4, 2}, piece.data(), 40, 400);
  for (std::size_t z = 0; z < 2; ++z) {
    for (std::size_t y = 0; y < 4; ++y) {
      std::memcpy(&all[(((z + 1) * 8 + y + 3) * 8 + 2) * 4], &piece[z * 400 + y * 40], 16);
    }
  }
  EXPECT(read_image(image, {0, 0, 0}, {8, 8, 4}) == all);
}

TEST("image: kernels read and write them") {
  const auto data = pattern(32 * 16 * 4);
  Memory from = make_image(rgba8, flat(32, 16), CL_MEM_READ_ONLY), to = make_image(rgba8, flat(32, 16));
  write_image(from, {0, 0, 0}, {32, 16, 1}, data.data());
  Kernel kernel = make_kernel(image_program(), "invert");
  EXPECT_OK(set_arg(kernel, 0, from));
  EXPECT_OK(set_arg(kernel, 1, to));
  const std::size_t size[] = {32, 16};
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 2, nullptr, size, nullptr, 0, nullptr, nullptr));
  auto wanted = data;
  for (auto& value : wanted) value = static_cast<std::uint8_t>(255 - value);
  EXPECT(read_image(to, {0, 0, 0}, {32, 16, 1}) == wanted);
}

TEST("image: kernels read 3D images") {
  const std::vector<std::uint8_t> data(4 * 3 * 2 * 4, 2);
  Memory image = make_image(rgba8, desc_of(CL_MEM_OBJECT_IMAGE3D, 4, 3, 2), CL_MEM_READ_ONLY), out = make_buffer(4);
  write_image(image, {0, 0, 0}, {4, 3, 2}, data.data());
  Kernel kernel = make_kernel(image_program(), "sum3d");
  EXPECT_OK(set_arg(kernel, 0, image));
  EXPECT_OK(set_arg(kernel, 1, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<cl_uint>(out, 1)[0] == 4 * 3 * 2 * 8);
}

TEST("image: samplers as arguments address and filter") {
  const float pixels[] = {0, 0, 0, 0, 8, 8, 8, 8};
  Memory image = make_image(rgba_float, flat(2, 1), CL_MEM_READ_ONLY), out = make_buffer(16);
  write_image(image, {0, 0, 0}, {2, 1, 1}, pixels);
  Kernel kernel = make_kernel(image_program(), "sample");
  EXPECT_OK(set_arg(kernel, 0, image));
  EXPECT_OK(set_arg(kernel, 2, out));
  const auto sampled = [&](cl_bool normalized, cl_addressing_mode addressing, cl_filter_mode filter, float x) {
    cl_int code = CL_SUCCESS;
    Sampler sampler = clCreateSampler(rig().context, normalized, addressing, filter, &code);
    EXPECT_OK(code);
    EXPECT_OK(clSetKernelArg(kernel, 1, sizeof(cl_sampler), sampler.address()));
    EXPECT_OK(set_arg(kernel, 3, cl_float2{{x, 0.5f}}));
    EXPECT_OK(launch(rig().queue, kernel, 1));
    return contents<float>(out, 4)[0];
  };
  EXPECT(sampled(CL_FALSE, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_NEAREST, 1.5f) == 8);
  EXPECT(sampled(CL_FALSE, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_NEAREST, 99.f) == 8);
  EXPECT(sampled(CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST, 99.f) == 0);
  EXPECT(sampled(CL_FALSE, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_LINEAR, 1.0f) == 4);
  EXPECT(sampled(CL_TRUE, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_NEAREST, 0.75f) == 8);
}

TEST("image: kernels know their size") {
  Memory image = make_image(rgba8, flat(19, 23), CL_MEM_READ_ONLY), out = make_buffer(8);
  Kernel kernel = make_kernel(image_program(), "size");
  EXPECT_OK(set_arg(kernel, 0, image));
  EXPECT_OK(set_arg(kernel, 1, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<int>(out, 2) == std::vector<int>({19, 23}));
}

TEST("image: copies between images, and within one") {
  const auto data = pattern(16 * 16 * 4);
  Memory from = make_image(rgba8, flat(16, 16)), to = make_image(rgba8, flat(16, 16));
  write_image(from, {0, 0, 0}, {16, 16, 1}, data.data());
  const Three whole{16, 16, 1}, zero{0, 0, 0}, four{4, 4, 1}, eight{8, 8, 0}, near{2, 2, 0};
  EXPECT_OK(clEnqueueCopyImage(rig().queue, from, to, zero.data(), zero.data(), whole.data(), 0, nullptr, nullptr));
  EXPECT(read_image(to, zero, whole) == data);
  EXPECT_OK(clEnqueueCopyImage(rig().queue, to, to, zero.data(), eight.data(), four.data(), 0, nullptr, nullptr));
  EXPECT(read_image(to, eight, four) == read_image(from, zero, four));
  EXPECT_CODE(clEnqueueCopyImage(rig().queue, to, to, zero.data(), near.data(), four.data(), 0, nullptr, nullptr),
              CL_MEM_COPY_OVERLAP);
}

TEST("image: fills of unsigned and float images") {
  const Three origin{2, 1, 0}, region{3, 2, 1};
  Memory integers = make_image(rgba8, flat(8, 4)), floats = make_image(rgba_float, flat(8, 4));
  const std::vector<std::uint8_t> zeroes(8 * 4 * 16, 0);
  write_image(integers, {0, 0, 0}, {8, 4, 1}, zeroes.data());
  write_image(floats, {0, 0, 0}, {8, 4, 1}, zeroes.data());
  const cl_uint color[4] = {1, 2, 3, 4};
  const float light[4] = {0.5f, 1.f, -2.f, 4.f};
  EXPECT_OK(clEnqueueFillImage(rig().queue, integers, color, origin.data(), region.data(), 0, nullptr, nullptr));
  EXPECT_OK(clEnqueueFillImage(rig().queue, floats, light, origin.data(), region.data(), 0, nullptr, nullptr));
  const auto got = read_image(integers, {0, 0, 0}, {8, 4, 1});
  EXPECT(got[(1 * 8 + 2) * 4] == 1 && got[(2 * 8 + 4) * 4 + 3] == 4 && got[(1 * 8 + 1) * 4] == 0);
  EXPECT(got[(3 * 8 + 2) * 4] == 0);
  const auto raw = read_image(floats, origin, {1, 1, 1}, 16);
  EXPECT(std::memcmp(raw.data(), light, 16) == 0);  // NOLINT(bugprone-suspicious-memory-comparison): bits are meant
}

TEST("image: to buffer and back") {
  const auto data = pattern(12 * 10 * 4);
  Memory image = make_image(rgba8, flat(12, 10)), other = make_image(rgba8, flat(12, 10));
  Memory buffer = make_buffer(1000);
  write_image(image, {0, 0, 0}, {12, 10, 1}, data.data());
  const Three zero{0, 0, 0}, whole{12, 10, 1}, origin{3, 2, 0}, region{5, 4, 1};
  EXPECT_OK(clEnqueueCopyImageToBuffer(rig().queue, image, buffer, zero.data(), whole.data(), 16, 0, nullptr, nullptr));
  EXPECT(contents<std::uint8_t>(buffer, data.size(), 16) == data);
  EXPECT_OK(clEnqueueCopyBufferToImage(rig().queue, buffer, other, 16, zero.data(), whole.data(), 0, nullptr, nullptr));
  EXPECT(read_image(other, zero, whole) == data);
  EXPECT_OK(
      clEnqueueCopyImageToBuffer(rig().queue, image, buffer, origin.data(), region.data(), 0, 0, nullptr, nullptr));
  EXPECT(contents<std::uint8_t>(buffer, 80) == read_image(image, origin, region));
}

TEST("image: maps show the right pixels, and what is written reaches the image") {
  const auto data = pattern(20 * 10 * 4);
  Memory image = make_image(rgba8, flat(20, 10));
  write_image(image, {0, 0, 0}, {20, 10, 1}, data.data());
  const Three origin{4, 3, 0}, region{6, 5, 1};
  std::size_t row = 0;
  cl_int code = CL_SUCCESS;
  auto* mapped = static_cast<std::uint8_t*>(clEnqueueMapImage(rig().queue, image, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE,
                                                              origin.data(), region.data(), &row, nullptr, 0, nullptr,
                                                              nullptr, &code));
  EXPECT_OK(code);
  EXPECT(row >= 24);
  for (std::size_t y = 0; y < 5; ++y) {
    EXPECT(std::memcmp(mapped + y * row, &data[((3 + y) * 20 + 4) * 4], 24) == 0);
  }
  std::memset(mapped + row, 0x77, 24);
  EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, image, mapped, 0, nullptr, nullptr));
  auto wanted = data;
  std::memset(&wanted[(4 * 20 + 4) * 4], 0x77, 24);
  EXPECT(read_image(image, {0, 0, 0}, {20, 10, 1}) == wanted);
}

TEST("image: a 1D image over a buffer shares its memory") {
  const auto data = pattern(64 * 4);
  Memory buffer = buffer_of(data);
  cl_image_desc desc = desc_of(CL_MEM_OBJECT_IMAGE1D_BUFFER, 64);
  desc.buffer = buffer;
  Memory image = make_image(rgba8, desc);
  EXPECT(read_image(image, {0, 0, 0}, {64, 1, 1}) == data);
  EXPECT(info<cl_mem>(clGetMemObjectInfo, image, CL_MEM_ASSOCIATED_MEMOBJECT) == buffer);
  const auto patch = pattern(16, 3);
  write_image(image, {4, 0, 0}, {4, 1, 1}, patch.data());
  EXPECT(contents<std::uint8_t>(buffer, 16, 16) == patch);
}

TEST("image: every 2D format that the device lists can be written and read") {
  need_images();
  cl_uint count = 0;
  EXPECT_OK(clGetSupportedImageFormats(rig().context, CL_MEM_READ_WRITE, CL_MEM_OBJECT_IMAGE2D, 0, nullptr, &count));
  std::vector<cl_image_format> formats(count);
  EXPECT_OK(clGetSupportedImageFormats(rig().context, CL_MEM_READ_WRITE, CL_MEM_OBJECT_IMAGE2D, count, formats.data(),
                                       nullptr));
  EXPECT(count > 0);
  for (const cl_image_format& format : formats) {
    Memory image = make_image(format, flat(9, 5));
    const auto pixel = info<std::size_t>(clGetImageInfo, image, CL_IMAGE_ELEMENT_SIZE);
    const auto data = pattern(9 * 5 * pixel);
    write_image(image, {0, 0, 0}, {9, 5, 1}, data.data());
    EXPECT(read_image(image, {0, 0, 0}, {9, 5, 1}, pixel) == data);
  }
}

TEST("image: its queries answer what it was made with") {
  Memory image = make_image(rgba8, flat(30, 20), CL_MEM_READ_ONLY);
  EXPECT(info<std::size_t>(clGetImageInfo, image, CL_IMAGE_WIDTH) == 30);
  EXPECT(info<std::size_t>(clGetImageInfo, image, CL_IMAGE_HEIGHT) == 20);
  EXPECT(info<std::size_t>(clGetImageInfo, image, CL_IMAGE_ELEMENT_SIZE) == 4);
  EXPECT(info<std::size_t>(clGetImageInfo, image, CL_IMAGE_ROW_PITCH) >= 120);
  EXPECT(info<cl_image_format>(clGetImageInfo, image, CL_IMAGE_FORMAT).image_channel_order == CL_RGBA);
  EXPECT(info<cl_mem_object_type>(clGetMemObjectInfo, image, CL_MEM_TYPE) == CL_MEM_OBJECT_IMAGE2D);
  EXPECT(info<cl_mem_flags>(clGetMemObjectInfo, image, CL_MEM_FLAGS) == CL_MEM_READ_ONLY);
  EXPECT(info<std::size_t>(clGetMemObjectInfo, image, CL_MEM_SIZE) >= 30 * 20 * 4);
}

TEST("image: depth and layers that an image does not have are zero") {
  Memory image = make_image(rgba8, flat(30, 20));
  EXPECT(info<std::size_t>(clGetImageInfo, image, CL_IMAGE_DEPTH) == 0);
  EXPECT(info<std::size_t>(clGetImageInfo, image, CL_IMAGE_ARRAY_SIZE) == 0);
  EXPECT(info<cl_uint>(clGetImageInfo, image, CL_IMAGE_NUM_MIP_LEVELS) == 0);
  EXPECT(info<cl_uint>(clGetImageInfo, image, CL_IMAGE_NUM_SAMPLES) == 0);
}

TEST("image: wrong ones are refused") {
  need_images();
  cl_int code = CL_SUCCESS;
  const auto create = [&](const cl_image_format* format, const cl_image_desc* desc, cl_mem_flags flags = 0,
                          void* host = nullptr) {
    EXPECT(clCreateImage(rig().context, flags, format, desc, host, &code) == nullptr);
    return code;
  };
  const cl_image_desc good = flat(8, 8), huge = flat(1 << 24, 8);
  EXPECT_CODE(create(nullptr, &good), CL_INVALID_IMAGE_FORMAT_DESCRIPTOR);
  EXPECT_CODE(create(&rgba8, nullptr), CL_INVALID_IMAGE_DESCRIPTOR);
  EXPECT_CODE(create(&rgba8, &huge), CL_INVALID_IMAGE_SIZE);
  EXPECT_CODE(create(&rgba8, &good, CL_MEM_USE_HOST_PTR), CL_INVALID_HOST_PTR);
}

TEST("image: one without pixels is refused") {
  need_images();
  cl_int code = CL_SUCCESS;
  const cl_image_desc empty = flat(0, 8);
  EXPECT(clCreateImage(rig().context, 0, &rgba8, &empty, nullptr, &code) == nullptr);
  EXPECT_EITHER(code, CL_INVALID_IMAGE_SIZE, CL_INVALID_IMAGE_DESCRIPTOR);
}

TEST("image: an unknown format is refused") {
  need_images();
  cl_int code = CL_SUCCESS;
  const cl_image_desc good = flat(8, 8);
  const cl_image_format odd{0x1234, CL_UNSIGNED_INT8};
  EXPECT(clCreateImage(rig().context, 0, &odd, &good, nullptr, &code) == nullptr);
  EXPECT_EITHER(code, CL_INVALID_IMAGE_FORMAT_DESCRIPTOR, CL_IMAGE_FORMAT_NOT_SUPPORTED);
}

TEST("image: a row pitch below a row is refused") {
  Memory image = make_image(rgba8, flat(8, 8));
  std::vector<std::uint8_t> host(4096);
  const Three zero{0, 0, 0}, whole{8, 8, 1};
  EXPECT_CODE(clEnqueueReadImage(rig().queue, image, CL_TRUE, zero.data(), whole.data(), 16, 0, host.data(), 0, nullptr,
                                 nullptr),
              CL_INVALID_VALUE);
}

TEST("image: wrong transfers are refused") {
  Memory image = make_image(rgba8, flat(8, 8));
  std::vector<std::uint8_t> host(4096);
  const Three zero{0, 0, 0};
  const auto read = [&](Three origin, Three region, void* pointer) {
    return clEnqueueReadImage(rig().queue, image, CL_TRUE, origin.data(), region.data(), 0, 0, pointer, 0, nullptr,
                              nullptr);
  };
  EXPECT_CODE(read(zero, {9, 8, 1}, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read({1, 0, 0}, {8, 8, 1}, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {8, 8, 2}, host.data()), CL_INVALID_VALUE);
  EXPECT_CODE(read(zero, {8, 8, 1}, nullptr), CL_INVALID_VALUE);
}

TEST("image: the names of OpenCL 1.1 work") {
  need_images();
  cl_int code = CL_SUCCESS;
  Memory image = clCreateImage2D(rig().context, CL_MEM_READ_WRITE, &rgba8, 8, 4, 0, nullptr, &code);
  EXPECT_OK(code);
  Memory solid = clCreateImage3D(rig().context, CL_MEM_READ_WRITE, &rgba8, 8, 4, 2, 0, 0, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(info<std::size_t>(clGetImageInfo, solid, CL_IMAGE_DEPTH) == 2);
}

TEST("image: from an event's view every command has its type") {
  Memory image = make_image(rgba8, flat(8, 8)), other = make_image(rgba8, flat(8, 8)), buffer = make_buffer(256);
  const Three zero{0, 0, 0}, whole{8, 8, 1};
  const cl_uint color[4] = {};
  std::uint8_t host[256] = {};
  Event e;
  const cl_command_queue q = rig().queue;
  const auto type = [&] { return info<cl_command_type>(clGetEventInfo, e, CL_EVENT_COMMAND_TYPE); };
  EXPECT_OK(clEnqueueReadImage(q, image, CL_TRUE, zero.data(), whole.data(), 0, 0, host, 0, nullptr, e.out()));
  EXPECT(type() == CL_COMMAND_READ_IMAGE);
  EXPECT_OK(clEnqueueWriteImage(q, image, CL_TRUE, zero.data(), whole.data(), 0, 0, host, 0, nullptr, e.out()));
  EXPECT(type() == CL_COMMAND_WRITE_IMAGE);
  EXPECT_OK(clEnqueueCopyImage(q, image, other, zero.data(), zero.data(), whole.data(), 0, nullptr, e.out()));
  EXPECT(type() == CL_COMMAND_COPY_IMAGE);
  EXPECT_OK(clEnqueueFillImage(q, image, color, zero.data(), whole.data(), 0, nullptr, e.out()));
  EXPECT(type() == CL_COMMAND_FILL_IMAGE);
  EXPECT_OK(clEnqueueCopyImageToBuffer(q, image, buffer, zero.data(), whole.data(), 0, 0, nullptr, e.out()));
  EXPECT(type() == CL_COMMAND_COPY_IMAGE_TO_BUFFER);
  EXPECT_OK(clEnqueueCopyBufferToImage(q, buffer, image, 0, zero.data(), whole.data(), 0, nullptr, e.out()));
  EXPECT(type() == CL_COMMAND_COPY_BUFFER_TO_IMAGE);
  EXPECT_OK(clFinish(q));
}

}  // namespace conformance
