// clEnqueueRead/Write/Fill/Copy of buffers, plain and by rectangles (OpenCL 3.0, section 5.2.2 to 5.2.4).
#include <array>
#include <cstring>

#include "shim/opencl/rect.h"
#include "shim/opencl/transfer.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

// The checks of every call on one buffer, before its own.
cl_int check_buffer(cl_command_queue queue, cl_mem buffer, cl_uint wait_count, const cl_event* wait_list) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if (checked(buffer) == nullptr || !buffer->is_buffer()) return CL_INVALID_MEM_OBJECT;
  if (&buffer->context() != &queue->context()) return CL_INVALID_CONTEXT;
  return check_enqueue(queue, wait_count, wait_list);
}

cl_int check_range(const _cl_mem& buffer, size_t offset, size_t bytes, const void* host) {
  return host != nullptr && in_range(offset, bytes, buffer.bytes()) ? CL_SUCCESS : CL_INVALID_VALUE;
}

// A transfer of nothing only keeps its place in the queue.
cl_int enqueue_nothing(const Enqueue& options) {
  wire::Marker marker;
  return post(options, marker);
}

// Both sides of a rectangle transfer as the API gives them.
struct RectArguments {
  const size_t *buffer_origin, *host_origin, *region;
  size_t buffer_row_pitch, buffer_slice_pitch, host_row_pitch, host_slice_pitch;
};

cl_int check_rect(const _cl_mem& buffer, const RectArguments& given, const void* host, BoxTransfer& transfer) {
  if (host == nullptr || given.buffer_origin == nullptr || given.host_origin == nullptr || given.region == nullptr)
    return CL_INVALID_VALUE;
  transfer.origin = box_of(given.buffer_origin);
  transfer.region = box_of(given.region);
  const auto& region = transfer.region;
  if (is_empty(region)) return CL_INVALID_VALUE;
  const auto buffer_pitch = complete_pitches(region.x, region.y, given.buffer_row_pitch, given.buffer_slice_pitch);
  const auto host_pitch = complete_pitches(region.x, region.y, given.host_row_pitch, given.host_slice_pitch);
  if (!buffer_pitch || !host_pitch) return CL_INVALID_VALUE;
  const auto buffer_end = end_of(transfer.origin, region, *buffer_pitch);
  const wire::Box host_origin = box_of(given.host_origin);
  if (!buffer_end || *buffer_end > buffer.bytes() || !end_of(host_origin, region, *host_pitch)) return CL_INVALID_VALUE;
  transfer.buffer_pitch = *buffer_pitch;
  transfer.host_pitch = *host_pitch;
  transfer.host = const_cast<std::byte*>(static_cast<const std::byte*>(host)) + start_of(host_origin, *host_pitch);
  return CL_SUCCESS;
}

bool valid_pattern(size_t pattern_size) {
  return pattern_size != 0 && pattern_size <= wire::fill_pattern_bytes_max && (pattern_size & (pattern_size - 1)) == 0;
}

// Do two ranges of the same memory share a byte?
bool ranges_overlap(const _cl_mem& src, size_t src_offset, const _cl_mem& dst, size_t dst_offset, size_t bytes) {
  if (&src.root() != &dst.root()) return false;
  const size_t from = src.root_offset() + src_offset, to = dst.root_offset() + dst_offset;
  return from < to + bytes && to < from + bytes;
}

cl_int check_copy(cl_command_queue queue, cl_mem src, cl_mem dst, cl_uint wait_count, const cl_event* wait_list) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if (checked(dst) == nullptr || !dst->is_buffer()) return CL_INVALID_MEM_OBJECT;
  if (&dst->context() != &queue->context()) return CL_INVALID_CONTEXT;
  return check_buffer(queue, src, wait_count, wait_list);
}

cl_int shape_copy_rect(const _cl_mem& src, const _cl_mem& dst, wire::BufferCopyRect& command) {
  const wire::Box& region = command.region;
  if (is_empty(region)) return CL_INVALID_VALUE;
  const auto src_pitch = complete_pitches(region.x, region.y, command.src_row_pitch, command.src_slice_pitch);
  const auto dst_pitch = complete_pitches(region.x, region.y, command.dst_row_pitch, command.dst_slice_pitch);
  if (!src_pitch || !dst_pitch) return CL_INVALID_VALUE;
  const auto src_end = end_of(command.src_origin, region, *src_pitch);
  const auto dst_end = end_of(command.dst_origin, region, *dst_pitch);
  if (!src_end || *src_end > src.bytes() || !dst_end || *dst_end > dst.bytes()) return CL_INVALID_VALUE;
  const bool same_pitches = src_pitch->row == dst_pitch->row && src_pitch->slice == dst_pitch->slice;
  if (&src == &dst && !same_pitches) return CL_INVALID_VALUE;
  command.src_row_pitch = src_pitch->row, command.src_slice_pitch = src_pitch->slice;
  command.dst_row_pitch = dst_pitch->row, command.dst_slice_pitch = dst_pitch->slice;
  if (&src.root() != &dst.root() || !same_pitches) return CL_SUCCESS;
  const auto from = static_cast<std::ptrdiff_t>(src.root_offset() + start_of(command.src_origin, *src_pitch));
  const auto to = static_cast<std::ptrdiff_t>(dst.root_offset() + start_of(command.dst_origin, *dst_pitch));
  return boxes_overlap(to - from, region, *src_pitch) ? CL_MEM_COPY_OVERLAP : CL_SUCCESS;
}

}  // namespace

namespace sluice::opencl {

cl_int fill_buffer(const Enqueue& options, _cl_mem& buffer, std::size_t offset, std::size_t bytes,
                   std::span<const std::byte> pattern) {
  alignas(8) std::array<std::byte, wire::fill_pattern_bytes_max> trailing{};
  std::memcpy(trailing.data(), pattern.data(), pattern.size());
  wire::BufferFill command;
  command.buffer = buffer.id();
  command.offset = offset;
  command.bytes = bytes;
  command.pattern_bytes = static_cast<std::uint32_t>(pattern.size());
  return post(options, command, std::span<const std::byte>(trailing).first(wire::round_up_8(command.pattern_bytes)));
}

}  // namespace sluice::opencl

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
                           void* ptr, cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_buffer(queue, buffer, wait_count, wait_list)) return error;
  if (const cl_int error = check_range(*buffer, offset, size, ptr)) return error;
  if (!buffer->host_may_read()) return CL_INVALID_OPERATION;
  const Enqueue options{*queue, CL_COMMAND_READ_BUFFER, wait_span(wait_count, wait_list), event};
  if (size == 0) return enqueue_nothing(options);
  return guarded([&] { return read_buffer(options, *buffer, offset, size, ptr, blocking != CL_FALSE); });
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
                            const void* ptr, cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_buffer(queue, buffer, wait_count, wait_list)) return error;
  if (const cl_int error = check_range(*buffer, offset, size, ptr)) return error;
  if (!buffer->host_may_write()) return CL_INVALID_OPERATION;
  const Enqueue options{*queue, CL_COMMAND_WRITE_BUFFER, wait_span(wait_count, wait_list), event};
  if (size == 0) return enqueue_nothing(options);
  return guarded([&] { return write_buffer(options, *buffer, offset, size, ptr, blocking != CL_FALSE); });
}

cl_int clEnqueueReadBufferRect(cl_command_queue queue, cl_mem buffer, cl_bool blocking, const size_t* buffer_origin,
                               const size_t* host_origin, const size_t* region, size_t buffer_row_pitch,
                               size_t buffer_slice_pitch, size_t host_row_pitch, size_t host_slice_pitch, void* ptr,
                               cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_buffer(queue, buffer, wait_count, wait_list)) return error;
  BoxTransfer transfer;
  const RectArguments given{buffer_origin,      host_origin,    region,          buffer_row_pitch,
                            buffer_slice_pitch, host_row_pitch, host_slice_pitch};
  if (const cl_int error = check_rect(*buffer, given, ptr, transfer)) return error;
  if (!buffer->host_may_read()) return CL_INVALID_OPERATION;
  const Enqueue options{*queue, CL_COMMAND_READ_BUFFER_RECT, wait_span(wait_count, wait_list), event};
  return guarded([&] { return read_box(options, *buffer, transfer, blocking != CL_FALSE); });
}

cl_int clEnqueueWriteBufferRect(cl_command_queue queue, cl_mem buffer, cl_bool blocking, const size_t* buffer_origin,
                                const size_t* host_origin, const size_t* region, size_t buffer_row_pitch,
                                size_t buffer_slice_pitch, size_t host_row_pitch, size_t host_slice_pitch,
                                const void* ptr, cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_buffer(queue, buffer, wait_count, wait_list)) return error;
  BoxTransfer transfer;
  const RectArguments given{buffer_origin,      host_origin,    region,          buffer_row_pitch,
                            buffer_slice_pitch, host_row_pitch, host_slice_pitch};
  if (const cl_int error = check_rect(*buffer, given, ptr, transfer)) return error;
  if (!buffer->host_may_write()) return CL_INVALID_OPERATION;
  const Enqueue options{*queue, CL_COMMAND_WRITE_BUFFER_RECT, wait_span(wait_count, wait_list), event};
  return guarded([&] { return write_box(options, *buffer, transfer, blocking != CL_FALSE); });
}

cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void* pattern, size_t pattern_size,
                           size_t offset, size_t size, cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_buffer(queue, buffer, wait_count, wait_list)) return error;
  if (!in_range(offset, size, buffer->bytes())) return CL_INVALID_VALUE;
  if (pattern == nullptr || !valid_pattern(pattern_size) || offset % pattern_size != 0 || size % pattern_size != 0)
    return CL_INVALID_VALUE;
  const Enqueue options{*queue, CL_COMMAND_FILL_BUFFER, wait_span(wait_count, wait_list), event};
  if (size == 0) return enqueue_nothing(options);
  return guarded([&] {
    return fill_buffer(options, *buffer, offset, size, {static_cast<const std::byte*>(pattern), pattern_size});
  });
}

cl_int clEnqueueCopyBuffer(cl_command_queue queue, cl_mem src, cl_mem dst, size_t src_offset, size_t dst_offset,
                           size_t size, cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_copy(queue, src, dst, wait_count, wait_list)) return error;
  if (size == 0 || !in_range(src_offset, size, src->bytes()) || !in_range(dst_offset, size, dst->bytes()))
    return CL_INVALID_VALUE;
  if (ranges_overlap(*src, src_offset, *dst, dst_offset, size)) return CL_MEM_COPY_OVERLAP;
  wire::BufferCopy command;
  command.src = src->id(), command.dst = dst->id();
  command.src_offset = src_offset, command.dst_offset = dst_offset;
  command.bytes = size;
  return guarded([&] {
    return post({*queue, CL_COMMAND_COPY_BUFFER, wait_span(wait_count, wait_list), event}, command);
  });
}

cl_int clEnqueueCopyBufferRect(cl_command_queue queue, cl_mem src, cl_mem dst, const size_t* src_origin,
                               const size_t* dst_origin, const size_t* region, size_t src_row_pitch,
                               size_t src_slice_pitch, size_t dst_row_pitch, size_t dst_slice_pitch, cl_uint wait_count,
                               const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_copy(queue, src, dst, wait_count, wait_list)) return error;
  if (src_origin == nullptr || dst_origin == nullptr || region == nullptr) return CL_INVALID_VALUE;
  wire::BufferCopyRect command;
  command.src = src->id(), command.dst = dst->id();
  command.src_origin = box_of(src_origin), command.dst_origin = box_of(dst_origin), command.region = box_of(region);
  command.src_row_pitch = src_row_pitch, command.src_slice_pitch = src_slice_pitch;
  command.dst_row_pitch = dst_row_pitch, command.dst_slice_pitch = dst_slice_pitch;
  if (const cl_int error = shape_copy_rect(*src, *dst, command)) return error;
  return guarded([&] {
    return post({*queue, CL_COMMAND_COPY_BUFFER_RECT, wait_span(wait_count, wait_list), event}, command);
  });
}
