// Creation of buffers and sub-buffers (OpenCL 3.0, section 5.2.1).
#include "shim/opencl/info.h"
#include "shim/opencl/memory.h"
#include "shim/opencl/svm_allocations.h"
#include "shim/opencl/transfer.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

cl_int fill_from_host(_cl_mem& buffer, void* host_ptr) {
  BoxTransfer transfer;
  transfer.region = {buffer.bytes(), 1, 1};
  transfer.host = static_cast<std::byte*>(host_ptr);
  return upload(buffer, transfer);
}

// Section 5.2.1: no device of the context has this alignment for the sub-buffer's start.
bool misaligned(const _cl_context& context, std::size_t origin) {
  const std::size_t align_bytes = context.session().traits().base_address_align_bits / 8;
  return align_bytes > 1 && origin % align_bytes != 0;
}

// A buffer whose host memory is shared with the device already: no second place for its contents.
cl_mem over_svm(const SvmRange& range, MemorySpec spec, cl_int* errcode_ret) {
  wire::SubBufferCreate command;
  command.id = range.buffer->progress().session().mint();
  command.parent = range.buffer->id();
  command.origin = spec.origin = range.offset;
  command.bytes = spec.bytes;
  command.access = device_access(spec.flags);
  spec.parent = range.buffer.get();
  spec.over_svm = true;
  _cl_context& context = range.buffer->context();
  if (!context.session().post(command)) return failed(errcode_ret, context.report_lost());
  set_error(errcode_ret, CL_SUCCESS);
  return new _cl_mem(context, command.id, std::move(spec));
}

// Section 5.2.1: a buffer over shared virtual memory is no larger than what was allocated there.
bool larger_than_svm(const _cl_context& context, const MemorySpec& spec, const void* host_ptr) {
  if ((spec.flags & CL_MEM_USE_HOST_PTR) == 0) return false;
  const auto range = context.svm().find(host_ptr, 0);
  return range && range->offset == 0 && spec.bytes > range->buffer->bytes();
}

cl_mem create_buffer(_cl_context& context, MemorySpec spec, void* host_ptr, cl_int* errcode_ret) {
  if (spec.bytes == 0 || spec.bytes > context.session().traits().allocation_bytes_max)
    return failed(errcode_ret, CL_INVALID_BUFFER_SIZE);
  if (const cl_int error = check_host_ptr(spec.flags, host_ptr); error != CL_SUCCESS) return failed(errcode_ret, error);
  if (larger_than_svm(context, spec, host_ptr)) return failed(errcode_ret, CL_INVALID_BUFFER_SIZE);
  if ((spec.flags & CL_MEM_USE_HOST_PTR) != 0) {
    spec.host_ptr = host_ptr;
    if (const auto range = context.svm().find(host_ptr, spec.bytes); range && !misaligned(context, range->offset))
      return over_svm(*range, std::move(spec), errcode_ret);
  }
  cl_int error = CL_SUCCESS;
  auto buffer = Ref<_cl_mem>::adopt(make_buffer(context, std::move(spec), error));
  if (buffer && host_ptr != nullptr) error = fill_from_host(*buffer, host_ptr);
  set_error(errcode_ret, error);
  return error == CL_SUCCESS ? buffer.leak() : nullptr;
}

cl_mem make_sub_buffer(_cl_mem& parent, cl_mem_flags flags, const cl_buffer_region& region) {
  wire::SubBufferCreate command;
  command.id = parent.progress().session().mint();
  // A driver makes no part of a part: a buffer over shared virtual memory is one already.
  command.parent = parent.root().id();
  command.origin = parent.root_offset() + region.origin;
  command.bytes = region.size;
  command.access = device_access(flags);
  MemorySpec spec;
  spec.flags = flags;
  spec.bytes = region.size;
  if (parent.host_ptr() != nullptr) spec.host_ptr = static_cast<std::byte*>(parent.host_ptr()) + region.origin;
  spec.parent = &parent;
  spec.origin = region.origin;
  if (!parent.progress().session().post(command)) return nullptr;
  return new _cl_mem(parent.context(), command.id, std::move(spec));
}

}  // namespace

namespace sluice::opencl {

cl_mem make_buffer(_cl_context& context, MemorySpec spec, cl_int& error) {
  wire::BufferCreate command;
  command.bytes = spec.bytes;
  command.access = device_access(spec.flags);
  return make_memory(context, command, std::move(spec), context.session().traits().buffers_in_arena, error);
}

}  // namespace sluice::opencl

cl_mem clCreateBufferWithProperties(cl_context context, const cl_mem_properties* properties, cl_mem_flags flags,
                                    size_t size, void* host_ptr, cl_int* errcode_ret) {
  if (checked(context) == nullptr) return failed(errcode_ret, CL_INVALID_CONTEXT);
  if (properties != nullptr && properties[0] != 0) return failed(errcode_ret, CL_INVALID_PROPERTY);
  const auto complete = complete_flags(flags);
  if (!complete) return failed(errcode_ret, CL_INVALID_VALUE);
  return guarded(errcode_ret, [&] {
    MemorySpec spec;
    spec.flags = *complete;
    spec.bytes = size;
    spec.properties = copy_properties(properties);
    return create_buffer(*context, std::move(spec), host_ptr, errcode_ret);
  });
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void* host_ptr, cl_int* errcode_ret) {
  return clCreateBufferWithProperties(context, nullptr, flags, size, host_ptr, errcode_ret);
}

cl_mem clCreateSubBuffer(cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void* info,
                         cl_int* errcode_ret) {
  if (checked(buffer) == nullptr || !buffer->is_buffer() || buffer->parent() != nullptr)
    return failed(errcode_ret, CL_INVALID_MEM_OBJECT);
  const auto complete = inherited_flags(flags, buffer->flags());
  if (!complete || type != CL_BUFFER_CREATE_TYPE_REGION || info == nullptr)
    return failed(errcode_ret, CL_INVALID_VALUE);
  const auto region = *static_cast<const cl_buffer_region*>(info);
  if (!in_range(region.origin, region.size, buffer->bytes())) return failed(errcode_ret, CL_INVALID_VALUE);
  if (region.size == 0) return failed(errcode_ret, CL_INVALID_BUFFER_SIZE);
  if (misaligned(buffer->context(), region.origin)) return failed(errcode_ret, CL_MISALIGNED_SUB_BUFFER_OFFSET);
  return guarded(errcode_ret, [&]() -> cl_mem {
    cl_mem made = make_sub_buffer(*buffer, *complete, region);
    if (made == nullptr) return failed(errcode_ret, buffer->context().report_lost());
    set_error(errcode_ret, CL_SUCCESS);
    return made;
  });
}
