// What a device says that it can do at most, it can do (OpenCL 3.0, table 4.3), and what it says that it has not is
// refused everywhere in the same way.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "image_rig.h"

namespace conformance {
namespace {

template <typename T>
T limit(cl_device_info what) {
  return info<T>(clGetDeviceInfo, rig().device, what);
}

std::string repeated(std::size_t count, const std::function<std::string(std::size_t)>& piece) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece(i);
  return text;
}
std::string name(const char* stem, std::size_t i) { return stem + std::to_string(i); }

}  // namespace

TEST("4.2 as many images are read by one kernel as the device says") {
  need_images();
  const std::size_t count = std::min<cl_uint>(limit<cl_uint>(CL_DEVICE_MAX_READ_IMAGE_ARGS), 128);
  const Program program = build(
      "constant sampler_t plain = CLK_NORMALIZED_COORDS_FALSE | CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_NEAREST;\n"
      "kernel void f(global uint* out" +
      repeated(count, [](std::size_t i) { return ", read_only image2d_t " + name("i", i); }) + ") { uint total = 0;\n" +
      repeated(count,
               [](std::size_t i) { return "total += read_imageui(" + name("i", i) + ", plain, (int2)(0, 0)).x;\n"; }) +
      "out[0] = total; }");
  Kernel kernel = make_kernel(program, "f");
  Memory out = make_buffer(4);
  EXPECT_OK(set_arg(kernel, 0, out));
  std::vector<Memory> images;
  for (std::size_t i = 0; i < count; ++i) {
    const cl_uchar pixel[4] = {static_cast<cl_uchar>(i), 0, 0, 0};
    images.push_back(make_image(rgba8, flat(1, 1), CL_MEM_READ_ONLY));
    write_image(images.back(), {0, 0, 0}, {1, 1, 1}, pixel);
    EXPECT_OK(set_arg(kernel, static_cast<cl_uint>(i + 1), images.back()));
  }
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<cl_uint>(out, 1)[0] == count * (count - 1) / 2);
}

TEST("4.2 as many images are written by one kernel as the device says") {
  need_images();
  const std::size_t count = std::min<cl_uint>(limit<cl_uint>(CL_DEVICE_MAX_WRITE_IMAGE_ARGS), 64);
  const Program program =
      build("kernel void f(int start" +
            repeated(count, [](std::size_t i) { return ", write_only image2d_t " + name("i", i); }) + ") {\n" +
            repeated(count,
                     [](std::size_t i) {
                       return "write_imageui(" + name("i", i) + ", (int2)(0, 0), (uint4)(start + " + std::to_string(i) +
                              "));\n";
                     }) +
            "}");
  Kernel kernel = make_kernel(program, "f");
  EXPECT_OK(set_arg(kernel, 0, 3));
  std::vector<Memory> images;
  for (std::size_t i = 0; i < count; ++i) {
    images.push_back(make_image(rgba8, flat(1, 1), CL_MEM_WRITE_ONLY));
    EXPECT_OK(set_arg(kernel, static_cast<cl_uint>(i + 1), images.back()));
  }
  EXPECT_OK(launch(rig().queue, kernel, 1));
  for (std::size_t i = 0; i < count; ++i) EXPECT(read_image(images[i], {0, 0, 0}, {1, 1, 1})[0] == i + 3);
}

TEST("4.2 as many samplers are used by one kernel as the device says") {
  need_images();
  const std::size_t count = std::min<cl_uint>(limit<cl_uint>(CL_DEVICE_MAX_SAMPLERS), 16);
  const Program program = build(
      "kernel void f(global uint* out, read_only image2d_t from" +
      repeated(count, [](std::size_t i) { return ", sampler_t " + name("s", i); }) + ") { uint total = 0;\n" +
      repeated(count,
               [](std::size_t i) { return "total += read_imageui(from, " + name("s", i) + ", (int2)(0, 0)).x;\n"; }) +
      "out[0] = total; }");
  Kernel kernel = make_kernel(program, "f");
  Memory out = make_buffer(4), image = make_image(rgba8, flat(1, 1));
  const cl_uchar pixel[4] = {5, 0, 0, 0};
  write_image(image, {0, 0, 0}, {1, 1, 1}, pixel);
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(kernel, 1, image));
  cl_int code = CL_SUCCESS;
  std::vector<Sampler> samplers;
  for (std::size_t i = 0; i < count; ++i) {
    samplers.emplace_back(clCreateSampler(rig().context, CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST, &code));
    EXPECT_OK(code);
    EXPECT_OK(clSetKernelArg(kernel, static_cast<cl_uint>(i + 2), sizeof(cl_sampler), samplers.back().address()));
  }
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<cl_uint>(out, 1)[0] == count * 5);
}

TEST("4.2 parameters may be as large in all as the device says") {
  const std::size_t count = (std::min<std::size_t>(limit<std::size_t>(CL_DEVICE_MAX_PARAMETER_SIZE), 1024) - 8) / 8;
  const Program program =
      build("kernel void f(global long* out" + repeated(count, [](std::size_t i) { return ", long " + name("a", i); }) +
            ") { out[0] = 0" + repeated(count, [](std::size_t i) { return " + " + name("a", i); }) + "; }");
  Kernel kernel = make_kernel(program, "f");
  Memory out = make_buffer(8);
  EXPECT_OK(set_arg(kernel, 0, out));
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_OK(set_arg(kernel, static_cast<cl_uint>(i + 1), static_cast<cl_long>(i)));
  }
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<cl_long>(out, 1)[0] == static_cast<cl_long>(count * (count - 1) / 2));
}

TEST("4.2 constant buffers may be as many as the device says, and as large as full profile asks") {
  const std::size_t count = std::min<cl_uint>(limit<cl_uint>(CL_DEVICE_MAX_CONSTANT_ARGS), 8);
  const Program program = build("kernel void f(global int* out" +
                                repeated(count, [](std::size_t i) { return ", constant int* " + name("c", i); }) +
                                ") { size_t at = get_global_id(0); out[at] = 0" +
                                repeated(count, [](std::size_t i) { return " + " + name("c", i) + "[at]"; }) + "; }");
  Kernel kernel = make_kernel(program, "f");
  constexpr std::size_t values = 16 * 1024;
  std::vector<int> data(values);
  std::iota(data.begin(), data.end(), 0);
  Memory out = make_buffer(values * 4), constant = buffer_of(data, CL_MEM_READ_ONLY);
  EXPECT_OK(set_arg(kernel, 0, out));
  for (std::size_t i = 0; i < count; ++i) EXPECT_OK(set_arg(kernel, static_cast<cl_uint>(i + 1), constant));
  EXPECT_OK(launch(rig().queue, kernel, values));
  for (int& value : data) value *= static_cast<int>(count);
  EXPECT(contents<int>(out, values) == data);
}

TEST("4.2 one group may use all the local memory that the device says") {
  const Program program = build(
      "kernel void f(global int* out, local int* all, int count) {\n"
      "  for (int i = get_local_id(0); i < count; i += get_local_size(0)) all[i] = i;\n"
      "  barrier(CLK_LOCAL_MEM_FENCE);\n"
      "  if (get_local_id(0) == 0) { int wrong = 0; for (int i = 0; i < count; ++i) wrong += all[i] != i; out[0] = "
      "wrong; }\n"
      "}");
  Kernel kernel = make_kernel(program, "f");
  const auto fixed = [&] {
    cl_ulong bytes = 0;
    EXPECT_OK(clGetKernelWorkGroupInfo(kernel, rig().device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, nullptr));
    return bytes;
  };
  const std::size_t bytes = (limit<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE) - fixed()) / 4 * 4;
  Memory out = buffer_of(std::vector<int>{-1});
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(clSetKernelArg(kernel, 1, bytes, nullptr));
  EXPECT_OK(set_arg(kernel, 2, static_cast<int>(bytes / 4)));
  const std::size_t eight = 8;
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 1, nullptr, &eight, &eight, 0, nullptr, nullptr));
  EXPECT(contents<int>(out, 1)[0] == 0);
}

TEST("4.2 groups may be as large in each dimension as the device says") {
  std::size_t sizes[3] = {};
  EXPECT_OK(clGetDeviceInfo(rig().device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, nullptr));
  const auto whole = limit<std::size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE);
  Kernel kernel = make_kernel(kit(), "empty");
  for (int d = 0; d < 3; ++d) {
    std::size_t group[3] = {1, 1, 1};
    group[d] = std::min(sizes[d], whole);
    CHECK_CODE(clEnqueueNDRangeKernel(rig().queue, kernel, 3, nullptr, group, group, 0, nullptr, nullptr), CL_SUCCESS);
  }
  EXPECT_OK(clFinish(rig().queue));
}

TEST("4.2 the longest 1D, 2D and buffer images can be made") {
  need_images();
  const std::size_t width = limit<std::size_t>(CL_DEVICE_IMAGE2D_MAX_WIDTH);
  const std::size_t height = limit<std::size_t>(CL_DEVICE_IMAGE2D_MAX_HEIGHT);
  const std::size_t layers = std::min<std::size_t>(limit<std::size_t>(CL_DEVICE_IMAGE_MAX_ARRAY_SIZE), 4096);
  cl_int code = CL_SUCCESS;
  const auto create = [&](const cl_image_desc& desc) {
    const Memory image = clCreateImage(rig().context, CL_MEM_READ_WRITE, &rgba8, &desc, nullptr, &code);
    return code;
  };
  CHECK_CODE(create(flat(width, 1)), CL_SUCCESS);
  CHECK_CODE(create(flat(1, height)), CL_SUCCESS);
  CHECK_CODE(create(flat(width + 1, 1)), CL_INVALID_IMAGE_SIZE);
  CHECK_CODE(create(flat(1, height + 1)), CL_INVALID_IMAGE_SIZE);
  CHECK_CODE(create(desc_of(CL_MEM_OBJECT_IMAGE1D, width)), CL_SUCCESS);
  CHECK_CODE(create(desc_of(CL_MEM_OBJECT_IMAGE1D_ARRAY, 4, 0, 0, layers)), CL_SUCCESS);
  CHECK_CODE(create(desc_of(CL_MEM_OBJECT_IMAGE2D_ARRAY, 4, 4, 0, layers)), CL_SUCCESS);
  CHECK_CODE(create(desc_of(CL_MEM_OBJECT_IMAGE3D, 4, 4, 2048)), CL_SUCCESS);
  Memory buffer = make_buffer(65536 * 4);
  cl_image_desc over = desc_of(CL_MEM_OBJECT_IMAGE1D_BUFFER, 65536);
  over.buffer = buffer;
  CHECK_CODE(create(over), CL_SUCCESS);
}

TEST("5.2.1 a quarter of the largest allocation can be made, written and read at its end") {
  const std::size_t bytes = limit<cl_ulong>(CL_DEVICE_MAX_MEM_ALLOC_SIZE) / 4 / 4096 * 4096;
  Memory buffer = make_buffer(bytes);
  const auto data = pattern(4096);
  EXPECT_OK(clEnqueueWriteBuffer(rig().queue, buffer, CL_TRUE, bytes - 4096, 4096, data.data(), 0, nullptr, nullptr));
  EXPECT(contents<std::uint8_t>(buffer, 4096, bytes - 4096) == data);
}

TEST("5.2.1 small buffers can be made beside one of the largest size") {
  Memory largest = make_buffer(limit<cl_ulong>(CL_DEVICE_MAX_MEM_ALLOC_SIZE));
  auto data = pattern(65536);
  cl_int code = CL_SUCCESS;
  Memory small = clCreateBuffer(rig().context, CL_MEM_COPY_HOST_PTR, data.size(), data.data(), &code);
  EXPECT_OK(code);
  EXPECT(contents<std::uint8_t>(small, data.size()) == data);
}

TEST("4.2 what a device has not is refused with the right error") {
  cl_int code = CL_SUCCESS;
  Kernel kernel = make_kernel(kit(), "empty");
  if (limit<cl_uint>(CL_DEVICE_MAX_NUM_SUB_GROUPS) == 0) {
    std::size_t value = 0;
    const std::size_t local = 8;
    CHECK_CODE(clGetKernelSubGroupInfo(kernel, rig().device, CL_KERNEL_MAX_SUB_GROUP_SIZE_FOR_NDRANGE, sizeof local,
                                       &local, sizeof value, &value, nullptr),
               CL_INVALID_OPERATION);
  }
  if (limit<cl_device_device_enqueue_capabilities>(CL_DEVICE_DEVICE_ENQUEUE_CAPABILITIES) == 0) {
    CHECK_CODE(clSetDefaultDeviceCommandQueue(rig().context, rig().device, rig().queue), CL_INVALID_OPERATION);
    CHECK(limit<cl_uint>(CL_DEVICE_MAX_ON_DEVICE_QUEUES) == 0);
    CHECK(limit<cl_uint>(CL_DEVICE_QUEUE_ON_DEVICE_MAX_SIZE) == 0);
    CHECK(info<cl_command_queue>(clGetCommandQueueInfo, rig().queue, CL_QUEUE_DEVICE_DEFAULT) == nullptr);
  }
  if (limit<cl_bool>(CL_DEVICE_PIPE_SUPPORT) == CL_FALSE) {
    const Memory pipe = clCreatePipe(rig().context, 0, 4, 16, nullptr, &code);
    CHECK_CODE(code, CL_INVALID_OPERATION);
    CHECK(limit<cl_uint>(CL_DEVICE_MAX_PIPE_ARGS) == 0);
  }
  Program program = build("kernel void f() {}");
  CHECK_CODE(clSetProgramSpecializationConstant(program, 0, 4, &code), CL_INVALID_OPERATION);
  CHECK_CODE(clSetProgramReleaseCallback(
                 program, [](cl_program, void*) {}, nullptr),
             CL_INVALID_OPERATION);
}

TEST("5.2.1 buffers and images with property lists") {
  need_images();
  cl_int code = CL_SUCCESS;
  const cl_mem_properties none[] = {0}, odd[] = {0x9999, 1, 0};
  const cl_image_desc desc = flat(4, 4);
  std::size_t bytes = 0;
  Memory plain = clCreateBufferWithProperties(rig().context, nullptr, CL_MEM_READ_WRITE, 64, nullptr, &code);
  EXPECT_OK(code);
  CHECK_CODE(clGetMemObjectInfo(plain, CL_MEM_PROPERTIES, 0, nullptr, &bytes), CL_SUCCESS);
  CHECK(bytes == 0);
  Memory empty = clCreateBufferWithProperties(rig().context, none, CL_MEM_READ_WRITE, 64, nullptr, &code);
  EXPECT_OK(code);
  cl_mem_properties got[4] = {7, 7, 7, 7};
  CHECK_CODE(clGetMemObjectInfo(empty, CL_MEM_PROPERTIES, sizeof got, got, &bytes), CL_SUCCESS);
  CHECK(bytes == sizeof got[0] && got[0] == 0);
  Memory image = clCreateImageWithProperties(rig().context, none, CL_MEM_READ_WRITE, &rgba8, &desc, nullptr, &code);
  EXPECT_OK(code);
  CHECK_CODE(clGetMemObjectInfo(image, CL_MEM_PROPERTIES, sizeof got, got, &bytes), CL_SUCCESS);
  CHECK(bytes == sizeof got[0] && got[0] == 0);
  const Memory refused = clCreateBufferWithProperties(rig().context, odd, CL_MEM_READ_WRITE, 64, nullptr, &code);
  CHECK_CODE(code, CL_INVALID_PROPERTY);
  const Memory refused_image = clCreateImageWithProperties(rig().context, odd, 0, &rgba8, &desc, nullptr, &code);
  CHECK_CODE(code, CL_INVALID_PROPERTY);
}

TEST("5.9.3 a clone has the arguments of its source at that moment, of every kind") {
  need_images();
  const Program program = build(
      "kernel void f(global int* out, local int* near, read_only image2d_t from, sampler_t how, int3 value) {\n"
      "  near[0] = value.z; out[0] = near[0] + read_imageui(from, how, (int2)(0, 0)).x; }");
  Kernel source = make_kernel(program, "f");
  Memory out = make_buffer(4), other = make_buffer(4), image = make_image(rgba8, flat(1, 1));
  const cl_uchar pixel[4] = {100, 0, 0, 0};
  write_image(image, {0, 0, 0}, {1, 1, 1}, pixel);
  cl_int code = CL_SUCCESS;
  const Sampler sampler = clCreateSampler(rig().context, CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST, &code);
  EXPECT_OK(code);
  EXPECT_OK(set_arg(source, 0, out));
  EXPECT_OK(clSetKernelArg(source, 1, 16, nullptr));
  EXPECT_OK(set_arg(source, 2, image));
  EXPECT_OK(clSetKernelArg(source, 3, sizeof(cl_sampler), sampler.address()));
  EXPECT_OK(set_arg(source, 4, cl_int3{{1, 2, 3, 0}}));
  Kernel clone = clCloneKernel(source, &code);
  EXPECT_OK(code);
  EXPECT_OK(set_arg(source, 0, other));
  EXPECT_OK(launch(rig().queue, clone, 1));
  EXPECT_OK(set_arg(source, 4, cl_int3{{1, 2, 50, 0}}));
  EXPECT_OK(launch(rig().queue, source, 1));
  EXPECT(contents<int>(out, 1)[0] == 103 && contents<int>(other, 1)[0] == 150);
}

}  // namespace conformance
