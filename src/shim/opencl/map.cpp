// clEnqueueMapBuffer, clEnqueueMapImage, clEnqueueUnmapMemObject (OpenCL 3.0, sections 5.2.4, 5.3.4 and 5.5.2).
//
// Where the shim can reach the contents, the mapped memory is the contents themselves: mapping only keeps its place in
// the queue. Otherwise, and for CL_MEM_USE_HOST_PTR, a map is a read and an unmap of a writing map is a write.
#include "shim/opencl/image.h"
#include "shim/opencl/rect.h"
#include "shim/opencl/transfer.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

constexpr cl_map_flags writing_maps = CL_MAP_WRITE | CL_MAP_WRITE_INVALIDATE_REGION;

cl_int check_map_access(const _cl_mem& memory, cl_map_flags flags) {
  if ((flags & CL_MAP_READ) != 0 && !memory.host_may_read()) return CL_INVALID_OPERATION;
  return (flags & writing_maps) != 0 && !memory.host_may_write() ? CL_INVALID_OPERATION : CL_SUCCESS;
}

std::size_t pixel_of(const _cl_mem& memory) { return memory.is_image() ? memory.image().pixel_bytes : 1; }

std::byte* at(std::byte* base, const Mapping& mapping, std::size_t pixel, const Pitches& pitch) {
  return base + start_of({mapping.origin.x * pixel, mapping.origin.y, mapping.origin.z}, pitch);
}

// The box of a mapping, with the mapped memory as its host side.
BoxTransfer transfer_of(const Mapping& mapping) {
  BoxTransfer transfer;
  transfer.origin = mapping.origin;
  transfer.region = mapping.region;
  transfer.host = static_cast<std::byte*>(mapping.pointer);
  transfer.host_pitch = mapping.pitch;
  return transfer;
}

cl_int read_into(const Enqueue& options, _cl_mem& memory, const Mapping& mapping, bool blocking) {
  if (memory.is_image()) return read_box(options, memory, transfer_of(mapping), blocking);
  return read_buffer(options, memory, mapping.origin.x, mapping.region.x, mapping.pointer, blocking);
}

cl_int write_from(const Enqueue& options, _cl_mem& memory, const Mapping& mapping) {
  if (memory.is_image()) return write_box(options, memory, transfer_of(mapping), false);
  return write_buffer(options, memory, mapping.origin.x, mapping.region.x, mapping.pointer, false);
}

// Where the program will find the mapped region. Nothing: no room.
bool choose_place(_cl_mem& memory, Mapping& mapping) {
  const std::size_t pixel = pixel_of(memory);
  if (memory.has_host_copy()) {
    if (memory.is_image()) mapping.pitch = memory.image().host_pitch;
    mapping.pointer = at(static_cast<std::byte*>(memory.host_ptr()), mapping, pixel, mapping.pitch);
    return true;
  }
  if (memory.contents() != nullptr) {
    if (memory.is_image()) mapping.pitch = memory.image().pitch;
    mapping.pointer = at(memory.contents(), mapping, pixel, mapping.pitch);
    return true;
  }
  const wire::Box& region = mapping.region;
  mapping.pitch = {region.x * pixel, region.x * pixel * region.y};
  const auto arena_at = memory.progress().make_room(mapping.pitch.slice * region.z);
  if (!arena_at) return false;
  mapping.staging_at = *arena_at;
  mapping.pointer = memory.progress().session().arena().at(*arena_at);
  return true;
}

// True if the program sees the contents themselves.
bool is_direct(const _cl_mem& memory, const Mapping& mapping) {
  return memory.contents() != nullptr && mapping.staging_at == wire::no_offset && !memory.has_host_copy();
}

cl_int map(const Enqueue& options, _cl_mem& memory, Mapping& mapping, bool blocking) {
  if (options.queue.progress().lost()) return options.queue.context().report_lost();
  if (!choose_place(memory, mapping)) return CL_MAP_FAILURE;
  const bool needs_data = !is_direct(memory, mapping) && (mapping.flags & CL_MAP_WRITE_INVALIDATE_REGION) == 0;
  const cl_int error = needs_data ? read_into(options, memory, mapping, blocking) : keep_place(options, blocking);
  if (error == CL_SUCCESS) memory.add_mapping(mapping);
  else if (mapping.staging_at != wire::no_offset) memory.progress().free_after_all(mapping.staging_at);
  return error;
}

cl_int unmap(const Enqueue& options, _cl_mem& memory, const Mapping& mapping) {
  const std::size_t bytes = memory.is_image() ? 1 : mapping.region.x;
  // The program cannot have written to a map whose data has not arrived yet.
  const bool untouched = memory.progress().reads_into(static_cast<const std::byte*>(mapping.pointer), bytes);
  const bool moves_data = !is_direct(memory, mapping) && (mapping.flags & writing_maps) != 0 && !untouched;
  const cl_int error = moves_data ? write_from(options, memory, mapping) : keep_place(options, false);
  if (error == CL_SUCCESS && mapping.staging_at != wire::no_offset)
    memory.progress().free_after_all(mapping.staging_at);
  return error;
}

cl_int check_memory(cl_command_queue queue, cl_mem memory, bool of_kind, cl_uint wait_count,
                    const cl_event* wait_list) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if (checked(memory) == nullptr || !of_kind) return CL_INVALID_MEM_OBJECT;
  if (&memory->context() != &queue->context()) return CL_INVALID_CONTEXT;
  return check_enqueue(queue, wait_count, wait_list);
}

}  // namespace

void* clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags, size_t offset,
                         size_t size, cl_uint wait_count, const cl_event* wait_list, cl_event* event,
                         cl_int* errcode_ret) {
  const bool is_buffer = checked(buffer) != nullptr && buffer->is_buffer();
  if (const cl_int error = check_memory(queue, buffer, is_buffer, wait_count, wait_list))
    return failed(errcode_ret, error);
  if (size == 0 || !in_range(offset, size, buffer->bytes()) || !valid_map_flags(flags))
    return failed(errcode_ret, CL_INVALID_VALUE);
  if (const cl_int error = check_map_access(*buffer, flags)) return failed(errcode_ret, error);
  const Enqueue options{*queue, CL_COMMAND_MAP_BUFFER, wait_span(wait_count, wait_list), event};
  Mapping mapping;
  mapping.flags = flags;
  mapping.origin = {offset, 0, 0};
  mapping.region = {size, 1, 1};
  const cl_int error = guarded([&] { return map(options, *buffer, mapping, blocking != CL_FALSE); });
  set_error(errcode_ret, error);
  return error == CL_SUCCESS ? mapping.pointer : nullptr;
}

void* clEnqueueMapImage(cl_command_queue queue, cl_mem image, cl_bool blocking, cl_map_flags flags,
                        const size_t* origin, const size_t* region, size_t* row_pitch, size_t* slice_pitch,
                        cl_uint wait_count, const cl_event* wait_list, cl_event* event, cl_int* errcode_ret) {
  const bool is_image = checked(image) != nullptr && image->is_image();
  if (const cl_int error = check_memory(queue, image, is_image, wait_count, wait_list))
    return failed(errcode_ret, error);
  if (const cl_int error = check_image_region(*image, origin, region)) return failed(errcode_ret, error);
  const bool has_slices = api_slice_pitch(image->type(), {1, 1}) != 0;
  if (row_pitch == nullptr || (has_slices && slice_pitch == nullptr) || !valid_map_flags(flags))
    return failed(errcode_ret, CL_INVALID_VALUE);
  if (const cl_int error = check_map_access(*image, flags)) return failed(errcode_ret, error);
  const Enqueue options{*queue, CL_COMMAND_MAP_IMAGE, wait_span(wait_count, wait_list), event};
  Mapping mapping;
  mapping.flags = flags;
  mapping.origin = box_of(origin);
  mapping.region = box_of(region);
  const cl_int error = guarded([&] { return map(options, *image, mapping, blocking != CL_FALSE); });
  set_error(errcode_ret, error);
  if (error != CL_SUCCESS) return nullptr;
  *row_pitch = api_row_pitch(*image, mapping.pitch);
  if (slice_pitch != nullptr) *slice_pitch = api_slice_pitch(image->type(), mapping.pitch);
  return mapping.pointer;
}

cl_int clEnqueueUnmapMemObject(cl_command_queue queue, cl_mem memory, void* pointer, cl_uint wait_count,
                               const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_memory(queue, memory, true, wait_count, wait_list)) return error;
  if (queue->progress().lost()) return queue->context().report_lost();
  const auto mapping = memory->take_mapping(pointer);
  if (!mapping) return CL_INVALID_VALUE;
  const Enqueue options{*queue, CL_COMMAND_UNMAP_MEM_OBJECT, wait_span(wait_count, wait_list), event};
  const cl_int error = guarded([&] { return unmap(options, *memory, *mapping); });
  if (error != CL_SUCCESS) memory->add_mapping(*mapping);
  return error;
}
