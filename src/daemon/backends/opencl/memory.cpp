#include <algorithm>

#include "daemon/backends/opencl/submit.h"

namespace sluice::backend::opencl {
namespace {

cl_mem_flags flags_for(std::uint32_t access, bool on_host_memory) {
  const cl_mem_flags host = on_host_memory ? static_cast<cl_mem_flags>(CL_MEM_USE_HOST_PTR) : 0;
  if (access == wire::device_reads) return host | CL_MEM_READ_ONLY;
  return host | (access == wire::device_writes ? CL_MEM_WRITE_ONLY : CL_MEM_READ_WRITE);
}

cl_mem_object_type type_of(wire::ImageKind kind) {
  switch (kind) {
    case wire::ImageKind::d1: return CL_MEM_OBJECT_IMAGE1D;
    case wire::ImageKind::d1_array: return CL_MEM_OBJECT_IMAGE1D_ARRAY;
    case wire::ImageKind::d1_buffer: return CL_MEM_OBJECT_IMAGE1D_BUFFER;
    case wire::ImageKind::d2: return CL_MEM_OBJECT_IMAGE2D;
    case wire::ImageKind::d2_array: return CL_MEM_OBJECT_IMAGE2D_ARRAY;
    case wire::ImageKind::d3: return CL_MEM_OBJECT_IMAGE3D;
  }
  return 0;
}

cl_image_desc native_shape_of(const ImageShape& shape, bool on_host_memory, cl_mem buffer) {
  cl_image_desc native{};
  native.image_type = type_of(shape.kind);
  native.image_width = shape.width;
  native.image_height = shape.height;
  native.image_depth = shape.depth;
  native.image_array_size = shape.layers;
  // Pitches describe host memory, or rows in the buffer below; without either the driver insists on zero.
  const bool rows_in_buffer = buffer != nullptr && shape.kind != wire::ImageKind::d1_buffer;
  native.image_row_pitch = on_host_memory || rows_in_buffer ? shape.row_pitch : 0;
  native.image_slice_pitch = on_host_memory ? shape.slice_pitch : 0;
  native.mem_object = buffer;
  return native;
}

std::array<std::size_t, 3> whole(cl_mem image) {
  const auto ask = asking(clGetImageInfo, image);
  const auto size = [&](cl_image_info what) { return value_of<std::size_t>(ask, what); };
  const std::size_t layers = size(CL_IMAGE_ARRAY_SIZE);
  const std::size_t height = size(CL_IMAGE_HEIGHT), depth = size(CL_IMAGE_DEPTH);
  // An array of 1D images has its layers where other images have rows.
  if (height == 0) return {size(CL_IMAGE_WIDTH), std::max<std::size_t>(layers, 1), 1};
  return {size(CL_IMAGE_WIDTH), height, std::max({layers, depth, std::size_t{1}})};
}

}  // namespace

Made<Memory> OpenClDevice::own_memory(cl_mem memory, cl_int error, bool fresh) {
  if (error != CL_SUCCESS || memory == nullptr) return {nullptr, outcome_of(error)};
  auto object = std::make_unique<MemoryObject>();
  object->handle = MemoryHandle(memory);
  object->serial = next_serial_++;
  if (fresh && scrub_queue_ && !scrub(memory)) return {nullptr, Outcome::out_of_resources};
  return {std::move(object), Outcome::ok};
}

Made<Memory> OpenClDevice::create_buffer(std::uint64_t bytes, std::span<std::byte> host, std::uint32_t access) {
  cl_int error = CL_SUCCESS;
  void* place = host.empty() ? nullptr : host.data();
  const cl_mem buffer = clCreateBuffer(context_.get(), flags_for(access, place != nullptr), bytes, place, &error);
  return own_memory(buffer, error, host.empty());
}

Made<Memory> OpenClDevice::create_sub_buffer(Memory& parent, std::uint64_t origin, std::uint64_t bytes,
                                             std::uint32_t access) {
  cl_int error = CL_SUCCESS;
  const cl_buffer_region region{origin, bytes};
  const cl_mem buffer =
      clCreateSubBuffer(native(parent), flags_for(access, false), CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
  return own_memory(buffer, error, false);
}

Made<Memory> OpenClDevice::create_image(const ImageShape& shape, std::span<std::byte> host, Memory* buffer,
                                        std::uint32_t access) {
  cl_int error = CL_SUCCESS;
  const cl_image_format format{shape.channel_order, shape.channel_type};
  void* place = host.empty() ? nullptr : host.data();
  const cl_image_desc native_shape =
      native_shape_of(shape, place != nullptr, buffer != nullptr ? native(*buffer) : nullptr);
  const cl_mem image =
      clCreateImage(context_.get(), flags_for(access, place != nullptr), &format, &native_shape, place, &error);
  return own_memory(image, error, host.empty() && buffer == nullptr);
}

// The memory of a device may hold what another process left there: nothing of this session touches it before it has
// been filled with zeroes.
bool OpenClDevice::scrub(cl_mem memory) {
  cl_event event = nullptr;
  cl_int error = CL_SUCCESS;
  const std::uint32_t zeroes[4] = {};
  const auto ask = asking(clGetMemObjectInfo, memory);
  if (value_of<cl_mem_object_type>(ask, CL_MEM_TYPE) == CL_MEM_OBJECT_BUFFER) {
    const auto bytes = value_of<std::size_t>(ask, CL_MEM_SIZE);
    const std::size_t pattern_bytes = std::min<std::size_t>(bytes & (~bytes + 1), sizeof zeroes);
    error = clEnqueueFillBuffer(scrub_queue_.get(), memory, zeroes, pattern_bytes, 0, bytes, 0, nullptr, &event);
  } else {
    const std::array<std::size_t, 3> origin{}, region = whole(memory);
    error = clEnqueueFillImage(scrub_queue_.get(), memory, zeroes, origin.data(), region.data(), 0, nullptr, &event);
  }
  if (error != CL_SUCCESS) return false;
  clFlush(scrub_queue_.get());
  last_scrub_ = EventHandle(event);  // the queue is in order: the last fill stands for all
  return true;
}

cl_event OpenClDevice::unfinished_scrub() {
  if (!last_scrub_) return nullptr;
  const auto ask = asking(clGetEventInfo, last_scrub_.get());
  if (value_of<cl_int>(ask, CL_EVENT_COMMAND_EXECUTION_STATUS) == CL_COMPLETE) last_scrub_ = EventHandle();
  return last_scrub_.get();
}

Made<Sampler> OpenClDevice::create_sampler(const SamplerMode& mode) {
  cl_int error = CL_SUCCESS;
  auto sampler = std::make_unique<SamplerObject>();
  sampler->handle = SamplerHandle(clCreateSampler(context_.get(), mode.normalized ? CL_TRUE : CL_FALSE,
                                                  mode.addressing_mode, mode.filter_mode, &error));
  if (error != CL_SUCCESS) return {nullptr, outcome_of(error)};
  sampler->serial = next_serial_++;
  return {std::move(sampler), Outcome::ok};
}

}  // namespace sluice::backend::opencl
