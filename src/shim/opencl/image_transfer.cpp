// clEnqueueRead/Write/Copy/Fill of images, and between images and buffers (OpenCL 3.0, section 5.3.3 to 5.3.5).
#include <algorithm>
#include <cstring>

#include "shim/opencl/image.h"
#include "shim/opencl/transfer.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

cl_int check_image(cl_command_queue queue, cl_mem image, cl_uint wait_count, const cl_event* wait_list) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if (checked(image) == nullptr || !image->is_image()) return CL_INVALID_MEM_OBJECT;
  if (&image->context() != &queue->context()) return CL_INVALID_CONTEXT;
  return check_enqueue(queue, wait_count, wait_list);
}

bool has_slices(cl_mem_object_type type) { return api_slice_pitch(type, {1, 1}) != 0; }

// Pitches of the program's memory: 0 stands for packed; a slice pitch only where the image has slices.
std::optional<Pitches> host_pitches(const _cl_mem& image, const wire::Box& region, size_t row_pitch,
                                    size_t slice_pitch) {
  const std::size_t row_bytes = region.x * image.image().pixel_bytes;
  if (slice_pitch != 0 && !has_slices(image.type())) return std::nullopt;
  const std::size_t row = row_pitch != 0 ? row_pitch : row_bytes;
  if (row < row_bytes) return std::nullopt;
  const bool is_1d_array = image.type() == CL_MEM_OBJECT_IMAGE1D_ARRAY;
  const std::size_t slice_min = is_1d_array ? row : row * region.y;
  const std::size_t slice = slice_pitch != 0 ? slice_pitch : slice_min;
  if (slice < slice_min) return std::nullopt;
  return box_pitches(image.type(), row, slice);
}

cl_int shape_transfer(const _cl_mem& image, const size_t* origin, const size_t* region, size_t row_pitch,
                      size_t slice_pitch, const void* host, BoxTransfer& transfer) {
  if (const cl_int error = check_image_region(image, origin, region)) return error;
  if (host == nullptr) return CL_INVALID_VALUE;
  const auto pitch = host_pitches(image, box_of(region), row_pitch, slice_pitch);
  if (!pitch) return CL_INVALID_VALUE;
  transfer.origin = box_of(origin);
  transfer.region = box_of(region);
  transfer.host = const_cast<std::byte*>(static_cast<const std::byte*>(host));
  transfer.host_pitch = *pitch;
  return CL_SUCCESS;
}

bool same_format(const _cl_mem& a, const _cl_mem& b) {
  const cl_image_format &of_a = a.image().format, &of_b = b.image().format;
  return of_a.image_channel_order == of_b.image_channel_order &&
         of_a.image_channel_data_type == of_b.image_channel_data_type;
}

bool boxes_meet(const size_t* a, const size_t* b, const size_t* region) {
  for (int i = 0; i < 3; ++i)
    if (a[i] >= b[i] + region[i] || b[i] >= a[i] + region[i]) return false;
  return true;
}

// The checks of a copy between an image and a buffer.
cl_int check_between(cl_command_queue queue, cl_mem image, cl_mem buffer, const size_t* origin, const size_t* region,
                     size_t offset, cl_uint wait_count, const cl_event* wait_list) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if (checked(buffer) == nullptr || !buffer->is_buffer()) return CL_INVALID_MEM_OBJECT;
  if (&buffer->context() != &queue->context()) return CL_INVALID_CONTEXT;
  if (const cl_int error = check_image(queue, image, wait_count, wait_list)) return error;
  if (image->parent() == buffer) return CL_INVALID_MEM_OBJECT;  // a 1D image over this very buffer
  if (const cl_int error = check_image_region(*image, origin, region)) return error;
  const size_t bytes = region[0] * region[1] * region[2] * image->image().pixel_bytes;
  return in_range(offset, bytes, buffer->bytes()) ? CL_SUCCESS : CL_INVALID_VALUE;
}

// A 1D image over a buffer is a range of that buffer, and copied as such: drivers that have such images need not be
// able to copy them.
bool over_buffer(const _cl_mem& image) { return image.type() == CL_MEM_OBJECT_IMAGE1D_BUFFER; }
std::uint64_t bytes_before(const _cl_mem& image, const size_t* origin) { return origin[0] * image.image().pixel_bytes; }

wire::BufferCopy copy_of(const _cl_mem& src, std::uint64_t src_offset, const _cl_mem& dst, std::uint64_t dst_offset,
                         std::uint64_t bytes) {
  wire::BufferCopy command;
  command.src = src.id(), command.dst = dst.id();
  command.src_offset = src_offset, command.dst_offset = dst_offset;
  command.bytes = bytes;
  return command;
}

template <typename Command>
cl_int copy_between(const Enqueue& options, const _cl_mem& image, const _cl_mem& buffer, const size_t* origin,
                    const size_t* region, size_t offset) {
  Command command;
  command.image = image.id();
  command.buffer = buffer.id();
  command.origin = box_of(origin);
  command.region = box_of(region);
  command.buffer_offset = offset;
  return guarded([&] { return post(options, command); });
}

cl_int copy_images(const Enqueue& options, const _cl_mem& src, const _cl_mem& dst, const size_t* src_origin,
                   const size_t* dst_origin, const size_t* region) {
  if (over_buffer(src) && over_buffer(dst)) {
    auto command = copy_of(*src.parent(), bytes_before(src, src_origin), *dst.parent(), bytes_before(dst, dst_origin),
                           bytes_before(src, region));
    return guarded([&] { return post(options, command); });
  }
  if (over_buffer(src))
    return copy_between<wire::BufferToImage>(options, dst, *src.parent(), dst_origin, region,
                                             bytes_before(src, src_origin));
  if (over_buffer(dst))
    return copy_between<wire::ImageToBuffer>(options, src, *dst.parent(), src_origin, region,
                                             bytes_before(dst, dst_origin));
  wire::ImageCopy command;
  command.src = src.id(), command.dst = dst.id();
  command.src_origin = box_of(src_origin), command.dst_origin = box_of(dst_origin);
  command.region = box_of(region);
  return guarded([&] { return post(options, command); });
}

}  // namespace

cl_int clEnqueueReadImage(cl_command_queue queue, cl_mem image, cl_bool blocking, const size_t* origin,
                          const size_t* region, size_t row_pitch, size_t slice_pitch, void* ptr, cl_uint wait_count,
                          const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_image(queue, image, wait_count, wait_list)) return error;
  BoxTransfer transfer;
  if (const cl_int error = shape_transfer(*image, origin, region, row_pitch, slice_pitch, ptr, transfer)) return error;
  if (!image->host_may_read()) return CL_INVALID_OPERATION;
  const Enqueue options{*queue, CL_COMMAND_READ_IMAGE, wait_span(wait_count, wait_list), event};
  return guarded([&] { return read_box(options, *image, transfer, blocking != CL_FALSE); });
}

cl_int clEnqueueWriteImage(cl_command_queue queue, cl_mem image, cl_bool blocking, const size_t* origin,
                           const size_t* region, size_t row_pitch, size_t slice_pitch, const void* ptr,
                           cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_image(queue, image, wait_count, wait_list)) return error;
  BoxTransfer transfer;
  if (const cl_int error = shape_transfer(*image, origin, region, row_pitch, slice_pitch, ptr, transfer)) return error;
  if (!image->host_may_write()) return CL_INVALID_OPERATION;
  const Enqueue options{*queue, CL_COMMAND_WRITE_IMAGE, wait_span(wait_count, wait_list), event};
  return guarded([&] { return write_box(options, *image, transfer, blocking != CL_FALSE); });
}

cl_int clEnqueueFillImage(cl_command_queue queue, cl_mem image, const void* color, const size_t* origin,
                          const size_t* region, cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_image(queue, image, wait_count, wait_list)) return error;
  if (color == nullptr) return CL_INVALID_VALUE;
  if (const cl_int error = check_image_region(*image, origin, region)) return error;
  wire::ImageFill command;
  command.image = image->id();
  command.origin = box_of(origin);
  command.region = box_of(region);
  const bool one_value = image->image().format.image_channel_order == CL_DEPTH;  // then the colour is one float
  std::memcpy(command.color, color, one_value ? sizeof(cl_float) : sizeof command.color);
  return guarded([&] {
    return post({*queue, CL_COMMAND_FILL_IMAGE, wait_span(wait_count, wait_list), event}, command);
  });
}

cl_int clEnqueueCopyImage(cl_command_queue queue, cl_mem src, cl_mem dst, const size_t* src_origin,
                          const size_t* dst_origin, const size_t* region, cl_uint wait_count, const cl_event* wait_list,
                          cl_event* event) {
  if (const cl_int error = check_image(queue, src, wait_count, wait_list)) return error;
  if (const cl_int error = check_image(queue, dst, wait_count, wait_list)) return error;
  if (!same_format(*src, *dst)) return CL_IMAGE_FORMAT_MISMATCH;
  if (const cl_int error = check_image_region(*src, src_origin, region)) return error;
  if (const cl_int error = check_image_region(*dst, dst_origin, region)) return error;
  if (src == dst && boxes_meet(src_origin, dst_origin, region)) return CL_MEM_COPY_OVERLAP;
  const Enqueue options{*queue, CL_COMMAND_COPY_IMAGE, wait_span(wait_count, wait_list), event};
  return copy_images(options, *src, *dst, src_origin, dst_origin, region);
}

cl_int clEnqueueCopyImageToBuffer(cl_command_queue queue, cl_mem src, cl_mem dst, const size_t* origin,
                                  const size_t* region, size_t offset, cl_uint wait_count, const cl_event* wait_list,
                                  cl_event* event) {
  if (const cl_int error = check_between(queue, src, dst, origin, region, offset, wait_count, wait_list)) return error;
  const Enqueue options{*queue, CL_COMMAND_COPY_IMAGE_TO_BUFFER, wait_span(wait_count, wait_list), event};
  if (!over_buffer(*src)) return copy_between<wire::ImageToBuffer>(options, *src, *dst, origin, region, offset);
  auto command = copy_of(*src->parent(), bytes_before(*src, origin), *dst, offset, bytes_before(*src, region));
  return guarded([&] { return post(options, command); });
}

cl_int clEnqueueCopyBufferToImage(cl_command_queue queue, cl_mem src, cl_mem dst, size_t offset, const size_t* origin,
                                  const size_t* region, cl_uint wait_count, const cl_event* wait_list,
                                  cl_event* event) {
  if (const cl_int error = check_between(queue, dst, src, origin, region, offset, wait_count, wait_list)) return error;
  const Enqueue options{*queue, CL_COMMAND_COPY_BUFFER_TO_IMAGE, wait_span(wait_count, wait_list), event};
  if (!over_buffer(*dst)) return copy_between<wire::BufferToImage>(options, *dst, *src, origin, region, offset);
  auto command = copy_of(*src, offset, *dst->parent(), bytes_before(*dst, origin), bytes_before(*dst, region));
  return guarded([&] { return post(options, command); });
}
