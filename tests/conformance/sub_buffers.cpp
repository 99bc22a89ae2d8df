// Sub-buffers share their parent's memory (OpenCL 3.0, section 5.2.1).
#include "rig.h"

namespace conformance {
namespace {

// The alignment that sub-buffer offsets need, in bytes.
std::size_t alignment() { return info<cl_uint>(clGetDeviceInfo, rig().device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8; }

Memory make_sub(cl_mem parent, std::size_t origin, std::size_t bytes, cl_mem_flags flags = 0) {
  const cl_buffer_region region{origin, bytes};
  cl_int code = CL_SUCCESS;
  Memory sub = clCreateSubBuffer(parent, flags, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
  EXPECT_OK(code);
  return sub;
}

cl_int refusal(cl_mem parent, std::size_t origin, std::size_t bytes, cl_mem_flags flags = 0) {
  const cl_buffer_region region{origin, bytes};
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateSubBuffer(parent, flags, CL_BUFFER_CREATE_TYPE_REGION, &region, &code) == nullptr);
  return code;
}

}  // namespace

TEST("sub-buffer: writes show in the parent, and the other way round") {
  const std::size_t step = alignment();
  auto data = pattern(step * 4);
  Memory parent = buffer_of(data);
  Memory sub = make_sub(parent, step, step * 2);
  EXPECT(contents<std::uint8_t>(sub, step * 2) == std::vector(data.begin() + step, data.begin() + step * 3));
  const auto patch = pattern(10, 8);
  EXPECT_OK(clEnqueueWriteBuffer(rig().queue, sub, CL_TRUE, 4, 10, patch.data(), 0, nullptr, nullptr));
  std::copy(patch.begin(), patch.end(), data.begin() + step + 4);
  EXPECT(contents<std::uint8_t>(parent, data.size()) == data);
}

TEST("sub-buffer: kernels work inside it") {
  const std::size_t step = alignment(), count = step / 4;
  Memory parent = buffer_of(std::vector<int>(count * 3, 1));
  Memory sub = make_sub(parent, step, step);
  Kernel kernel = make_kernel(kit(), "add");
  EXPECT_OK(set_arg(kernel, 0, sub));
  EXPECT_OK(set_arg(kernel, 1, 9));
  EXPECT_OK(launch(rig().queue, kernel, count));
  const auto got = contents<int>(parent, count * 3);
  EXPECT(got[count - 1] == 1 && got[count] == 10 && got[2 * count - 1] == 10 && got[2 * count] == 1);
}

TEST("sub-buffer: copies and fills stay inside it") {
  const std::size_t step = alignment();
  std::vector<std::uint8_t> wanted(step * 3, 7);
  Memory parent = buffer_of(wanted);
  Memory a = make_sub(parent, step, step), b = make_sub(parent, step * 2, step);
  const std::uint8_t nine = 9;
  EXPECT_OK(clEnqueueFillBuffer(rig().queue, a, &nine, 1, 1, 3, 0, nullptr, nullptr));
  EXPECT_OK(clEnqueueCopyBuffer(rig().queue, a, b, 0, 2, 6, 0, nullptr, nullptr));
  for (int i = 1; i < 4; ++i) wanted[step + i] = wanted[step * 2 + 2 + i] = 9;
  EXPECT(contents<std::uint8_t>(parent, wanted.size()) == wanted);
}

TEST("sub-buffer: maps show its own range") {
  const std::size_t step = alignment();
  auto data = pattern(step * 3);
  Memory parent = buffer_of(data);
  Memory sub = make_sub(parent, step, step);
  cl_int code = CL_SUCCESS;
  auto* mapped = static_cast<std::uint8_t*>(
      clEnqueueMapBuffer(rig().queue, sub, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 4, 16, 0, nullptr, nullptr, &code));
  EXPECT_OK(code);
  EXPECT(std::equal(mapped, mapped + 16, data.begin() + step + 4));
  mapped[0] = data[step + 4] = 0x42;
  EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, sub, mapped, 0, nullptr, nullptr));
  EXPECT(contents<std::uint8_t>(parent, data.size()) == data);
}

TEST("sub-buffer: overlapping ones with the same copy are refused as overlap") {
  const std::size_t step = alignment();
  Memory parent = make_buffer(step * 4);
  Memory a = make_sub(parent, 0, step * 2), b = make_sub(parent, step, step * 2);
  EXPECT_CODE(clEnqueueCopyBuffer(rig().queue, a, b, step, 0, 8, 0, nullptr, nullptr), CL_MEM_COPY_OVERLAP);
  EXPECT_OK(clEnqueueCopyBuffer(rig().queue, a, b, 0, step, 8, 0, nullptr, nullptr));
  EXPECT_OK(clFinish(rig().queue));
}

TEST("sub-buffer: it keeps its parent alive") {
  const std::size_t step = alignment();
  const auto data = pattern(step * 2);
  Memory sub;
  {
    Memory parent = buffer_of(data);
    sub = make_sub(parent, step, step);
  }
  EXPECT(contents<std::uint8_t>(sub, step) == std::vector(data.begin() + step, data.end()));
}

TEST("sub-buffer: its queries name parent and offset") {
  const std::size_t step = alignment();
  Memory parent = make_buffer(step * 4, CL_MEM_READ_ONLY);
  Memory sub = make_sub(parent, step, step * 2);
  EXPECT(info<cl_mem>(clGetMemObjectInfo, sub, CL_MEM_ASSOCIATED_MEMOBJECT) == parent);
  EXPECT(info<std::size_t>(clGetMemObjectInfo, sub, CL_MEM_OFFSET) == step);
  EXPECT(info<std::size_t>(clGetMemObjectInfo, sub, CL_MEM_SIZE) == step * 2);
  EXPECT(info<cl_mem_flags>(clGetMemObjectInfo, sub, CL_MEM_FLAGS) == CL_MEM_READ_ONLY);
  EXPECT(info<cl_mem_object_type>(clGetMemObjectInfo, sub, CL_MEM_TYPE) == CL_MEM_OBJECT_BUFFER);
}

TEST("sub-buffer: of USE_HOST_PTR memory points into it") {
  const std::size_t step = alignment();
  std::vector<std::uint8_t> host = pattern(step * 2);
  Memory parent = make_buffer(host.size(), CL_MEM_USE_HOST_PTR, host.data());
  Memory sub = make_sub(parent, step, step);
  EXPECT(info<void*>(clGetMemObjectInfo, sub, CL_MEM_HOST_PTR) == host.data() + step);
  cl_int code = CL_SUCCESS;
  void* mapped = clEnqueueMapBuffer(rig().queue, sub, CL_TRUE, CL_MAP_READ, 0, step, 0, nullptr, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(mapped == host.data() + step);
  EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, sub, mapped, 0, nullptr, nullptr));
  EXPECT_OK(clFinish(rig().queue));
}

TEST("sub-buffer: wrong ones are refused") {
  const std::size_t step = alignment();
  Memory parent = make_buffer(step * 4), read_only = make_buffer(step * 4, CL_MEM_READ_ONLY);
  Memory sub = make_sub(parent, 0, step * 2);
  EXPECT_CODE(refusal(parent, 0, 0), CL_INVALID_BUFFER_SIZE);
  EXPECT_CODE(refusal(parent, step * 3, step * 2), CL_INVALID_VALUE);
  EXPECT_CODE(refusal(parent, step * 5, 1), CL_INVALID_VALUE);
  EXPECT_CODE(refusal(parent, 1, 4), CL_MISALIGNED_SUB_BUFFER_OFFSET);
  EXPECT_CODE(refusal(sub, 0, step), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(refusal(nullptr, 0, step), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(refusal(read_only, 0, step, CL_MEM_READ_WRITE), CL_INVALID_VALUE);
  EXPECT_CODE(refusal(read_only, 0, step, CL_MEM_WRITE_ONLY), CL_INVALID_VALUE);
  EXPECT_CODE(refusal(parent, 0, step, CL_MEM_ALLOC_HOST_PTR), CL_INVALID_VALUE);
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateSubBuffer(parent, 0, CL_BUFFER_CREATE_TYPE_REGION, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
}

}  // namespace conformance
