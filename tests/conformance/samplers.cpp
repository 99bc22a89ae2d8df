// Samplers (OpenCL 3.0, section 5.7).
#include <cmath>

#include "image_rig.h"

namespace conformance {
namespace {

constexpr const char* sampler_source = R"CL(
kernel void row(read_only image2d_t from, sampler_t how, global float* out, float first, float step, float y) {
  out[get_global_id(0)] = read_imagef(from, how, (float2)(first + step * get_global_id(0), y)).x;
}
kernel void whole_row(read_only image2d_t from, sampler_t how, global uint* out, int first) {
  out[get_global_id(0)] = read_imageui(from, how, (int2)(first + (int)get_global_id(0), 0)).x;
}
)CL";

cl_program sampler_program() {
  static Program* program = new Program(build(sampler_source));
  return *program;
}

Sampler make_sampler(cl_bool normalized, cl_addressing_mode addressing, cl_filter_mode filter) {
  cl_int code = CL_SUCCESS;
  Sampler sampler = clCreateSampler(rig().context, normalized, addressing, filter, &code);
  EXPECT_OK(code);
  return sampler;
}

// What a kernel reads of a row of four float pixels 1, 2, 3, 4, at `count` places from `first` on.
std::vector<float> sampled(cl_bool normalized, cl_addressing_mode addressing, cl_filter_mode filter, float first,
                           float step, std::size_t count) {
  const float pixels[16] = {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4};
  Memory image = make_image(rgba_float, flat(4, 1), CL_MEM_READ_ONLY), out = make_buffer(count * 4);
  write_image(image, {0, 0, 0}, {4, 1, 1}, pixels);
  const Sampler sampler = make_sampler(normalized, addressing, filter);
  Kernel kernel = make_kernel(sampler_program(), "row");
  EXPECT_OK(set_arg(kernel, 0, image));
  EXPECT_OK(clSetKernelArg(kernel, 1, sizeof(cl_sampler), sampler.address()));
  EXPECT_OK(set_arg(kernel, 2, out));
  EXPECT_OK(set_arg(kernel, 3, first));
  EXPECT_OK(set_arg(kernel, 4, step));
  EXPECT_OK(set_arg(kernel, 5, 0.5f));
  EXPECT_OK(launch(rig().queue, kernel, count));
  return contents<float>(out, count);
}

using Floats = std::vector<float>;

}  // namespace

TEST("sampler: its queries answer") {
  cl_int code = CL_SUCCESS;
  Sampler sampler = clCreateSampler(rig().context, CL_TRUE, CL_ADDRESS_REPEAT, CL_FILTER_LINEAR, &code);
  EXPECT_OK(code);
  EXPECT(info<cl_bool>(clGetSamplerInfo, sampler, CL_SAMPLER_NORMALIZED_COORDS) == CL_TRUE);
  EXPECT(info<cl_addressing_mode>(clGetSamplerInfo, sampler, CL_SAMPLER_ADDRESSING_MODE) == CL_ADDRESS_REPEAT);
  EXPECT(info<cl_filter_mode>(clGetSamplerInfo, sampler, CL_SAMPLER_FILTER_MODE) == CL_FILTER_LINEAR);
  EXPECT(info<cl_uint>(clGetSamplerInfo, sampler, CL_SAMPLER_REFERENCE_COUNT) == 1);
  EXPECT(info<cl_context>(clGetSamplerInfo, sampler, CL_SAMPLER_CONTEXT) == rig().context);
}

TEST("sampler: wrong ones are refused") {
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateSampler(rig().context, CL_TRUE, 0x9999, CL_FILTER_LINEAR, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
  EXPECT(clCreateSampler(rig().context, CL_TRUE, CL_ADDRESS_REPEAT, 0x9999, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
}

TEST("sampler: made with a property list") {
  cl_int code = CL_SUCCESS;
  const cl_sampler_properties list[] = {CL_SAMPLER_NORMALIZED_COORDS, CL_FALSE, CL_SAMPLER_FILTER_MODE,
                                        CL_FILTER_LINEAR, 0};
  Sampler sampler = clCreateSamplerWithProperties(rig().context, list, &code);
  EXPECT_OK(code);
  EXPECT(info<cl_bool>(clGetSamplerInfo, sampler, CL_SAMPLER_NORMALIZED_COORDS) == CL_FALSE);
  EXPECT(info<cl_filter_mode>(clGetSamplerInfo, sampler, CL_SAMPLER_FILTER_MODE) == CL_FILTER_LINEAR);
}

TEST("5.7.1 clCreateSampler refuses each wrong argument") {
  need_images();
  cl_int code = CL_SUCCESS;
  const auto create = [&](cl_context context, cl_bool normalized, cl_addressing_mode mode, cl_filter_mode filter) {
    const Sampler made = clCreateSampler(context, normalized, mode, filter, &code);
    return code;
  };
  const auto with = [&](cl_sampler_properties name, cl_sampler_properties value) {
    const cl_sampler_properties list[] = {name, value, 0};
    const Sampler made = clCreateSamplerWithProperties(rig().context, list, &code);
    return code;
  };
  CHECK_CODE(create(nullptr, CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST), CL_INVALID_CONTEXT);
  CHECK_CODE(create(rig().context, 7, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST), CL_INVALID_VALUE);
  CHECK_CODE(create(rig().context, CL_FALSE, 0x1, CL_FILTER_NEAREST), CL_INVALID_VALUE);
  CHECK_CODE(create(rig().context, CL_FALSE, CL_ADDRESS_CLAMP, 0x1), CL_INVALID_VALUE);
  CHECK_CODE(create(rig().context, CL_FALSE, CL_ADDRESS_REPEAT, CL_FILTER_NEAREST), CL_INVALID_VALUE);
  CHECK_CODE(with(0x1, 0), CL_INVALID_VALUE);
  CHECK_CODE(with(CL_SAMPLER_ADDRESSING_MODE, 0x1), CL_INVALID_VALUE);
  CHECK_CODE(with(CL_SAMPLER_FILTER_MODE, 0x1), CL_INVALID_VALUE);
  CHECK_CODE(clGetSamplerInfo(nullptr, CL_SAMPLER_CONTEXT, 0, nullptr, nullptr), CL_INVALID_SAMPLER);
  CHECK_CODE(clRetainSampler(nullptr), CL_INVALID_SAMPLER);
}

TEST("5.7.1 every kind of sampler is made and says what it is") {
  need_images();
  for (const cl_bool normalized : {CL_TRUE, CL_FALSE}) {
    for (const cl_addressing_mode mode :
         {CL_ADDRESS_NONE, CL_ADDRESS_CLAMP_TO_EDGE, CL_ADDRESS_CLAMP, CL_ADDRESS_REPEAT, CL_ADDRESS_MIRRORED_REPEAT}) {
      if (normalized == CL_FALSE && (mode == CL_ADDRESS_REPEAT || mode == CL_ADDRESS_MIRRORED_REPEAT)) continue;
      for (const cl_filter_mode filter : {CL_FILTER_NEAREST, CL_FILTER_LINEAR}) {
        const Sampler sampler = make_sampler(normalized, mode, filter);
        CHECK(info<cl_bool>(clGetSamplerInfo, sampler, CL_SAMPLER_NORMALIZED_COORDS) == normalized);
        CHECK(info<cl_addressing_mode>(clGetSamplerInfo, sampler, CL_SAMPLER_ADDRESSING_MODE) == mode);
        CHECK(info<cl_filter_mode>(clGetSamplerInfo, sampler, CL_SAMPLER_FILTER_MODE) == filter);
        EXPECT_OK(clRetainSampler(sampler));
        CHECK(info<cl_uint>(clGetSamplerInfo, sampler, CL_SAMPLER_REFERENCE_COUNT) == 2);
        EXPECT_OK(clReleaseSampler(sampler));
      }
    }
  }
  const Sampler sampler = make_sampler(CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST);
  for (const cl_sampler_info what : {CL_SAMPLER_REFERENCE_COUNT, CL_SAMPLER_CONTEXT, CL_SAMPLER_NORMALIZED_COORDS,
                                     CL_SAMPLER_ADDRESSING_MODE, CL_SAMPLER_FILTER_MODE}) {
    std::size_t bytes = 0;
    char room[64];
    CHECK_CODE(clGetSamplerInfo(sampler, what, 0, nullptr, &bytes), CL_SUCCESS);
    CHECK_CODE(clGetSamplerInfo(sampler, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
    CHECK_CODE(clGetSamplerInfo(sampler, what, bytes, room, nullptr), CL_SUCCESS);
  }
  CHECK_CODE(clGetSamplerInfo(sampler, 0x1, 0, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("5.7.1 a sampler's property list can be asked for") {
  need_images();
  cl_int code = CL_SUCCESS;
  const cl_sampler_properties list[] = {CL_SAMPLER_NORMALIZED_COORDS, CL_FALSE, 0};
  Sampler sampler = clCreateSamplerWithProperties(rig().context, list, &code);
  EXPECT_OK(code);
  cl_sampler_properties got[8] = {};
  std::size_t bytes = 0;
  EXPECT_OK(clGetSamplerInfo(sampler, CL_SAMPLER_PROPERTIES, sizeof got, got, &bytes));
  CHECK(bytes == sizeof list);
  CHECK(got[0] == list[0] && got[1] == list[1] && got[2] == 0);
}

TEST("C 8.2 nearest: every addressing mode beyond both edges") {
  need_images();
  CHECK(sampled(CL_FALSE, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_NEAREST, -1.5f, 1, 7) == Floats({1, 1, 1, 2, 3, 4, 4}));
  CHECK(sampled(CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST, -1.5f, 1, 7) == Floats({0, 0, 1, 2, 3, 4, 0}));
  CHECK(sampled(CL_FALSE, CL_ADDRESS_NONE, CL_FILTER_NEAREST, 0.5f, 1, 4) == Floats({1, 2, 3, 4}));
  CHECK(sampled(CL_TRUE, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_NEAREST, -0.125f, 0.25f, 6) == Floats({1, 1, 2, 3, 4, 4}));
  CHECK(sampled(CL_TRUE, CL_ADDRESS_REPEAT, CL_FILTER_NEAREST, -0.125f, 0.25f, 6) == Floats({4, 1, 2, 3, 4, 1}));
  CHECK(sampled(CL_TRUE, CL_ADDRESS_MIRRORED_REPEAT, CL_FILTER_NEAREST, -0.125f, 0.25f, 6) ==
        Floats({1, 1, 2, 3, 4, 4}));
}

TEST("C 8.2 linear: halfway between two pixels, and beyond both edges") {
  need_images();
  CHECK(sampled(CL_FALSE, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_LINEAR, 0, 1, 5) == Floats({1, 1.5f, 2.5f, 3.5f, 4}));
  CHECK(sampled(CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_LINEAR, 1, 1, 3) == Floats({1.5f, 2.5f, 3.5f}));
  CHECK(sampled(CL_TRUE, CL_ADDRESS_REPEAT, CL_FILTER_LINEAR, 0, 0.25f, 5) == Floats({2.5f, 1.5f, 2.5f, 3.5f, 2.5f}));
}

TEST("C 8.2 whole coordinates") {
  const std::uint8_t pixels[16] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0};
  Memory image = make_image(rgba8, flat(4, 1)), out = make_buffer(24);
  write_image(image, {0, 0, 0}, {4, 1, 1}, pixels);
  const Sampler sampler = make_sampler(CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST);
  Kernel kernel = make_kernel(sampler_program(), "whole_row");
  EXPECT_OK(set_arg(kernel, 0, image));
  EXPECT_OK(clSetKernelArg(kernel, 1, sizeof(cl_sampler), sampler.address()));
  EXPECT_OK(set_arg(kernel, 2, out));
  EXPECT_OK(set_arg(kernel, 3, -1));
  EXPECT_OK(launch(rig().queue, kernel, 6));
  CHECK(contents<cl_uint>(out, 6) == std::vector<cl_uint>({0, 1, 2, 3, 4, 0}));
}

TEST("5.9.2 a sampler argument must be a sampler, and may be released once set and enqueued") {
  need_images();
  Kernel kernel = make_kernel(sampler_program(), "row");
  cl_sampler nothing = nullptr;
  CHECK_CODE(clSetKernelArg(kernel, 1, sizeof nothing, &nothing), CL_INVALID_SAMPLER);
  CHECK_CODE(clSetKernelArg(kernel, 1, sizeof nothing, nullptr), CL_INVALID_SAMPLER);
  CHECK_CODE(clSetKernelArg(kernel, 1, 4, &nothing), CL_INVALID_ARG_SIZE);
  const Sampler sampler = make_sampler(CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST);
  CHECK_CODE(clSetKernelArg(kernel, 1, sizeof(cl_sampler), sampler.address()), CL_SUCCESS);
}

}  // namespace conformance
