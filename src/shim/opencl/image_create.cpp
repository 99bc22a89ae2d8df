// clCreateImage and its older forms: what an image may be on this device, and making one (OpenCL 3.0, section 5.3.1).
#include <algorithm>
#include <memory>

#include "shim/opencl/image.h"
#include "shim/opencl/transfer.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

using Traits = wire::DeviceTraits;

bool format_supported(const Traits& traits, const cl_image_format& format, wire::ImageKind kind, std::uint8_t uses) {
  return std::any_of(traits.image_formats.begin(), traits.image_formats.end(), [&](const wire::ImageFormat& known) {
    return known.kind == kind && known.channel_order == format.image_channel_order &&
           known.channel_type == format.image_channel_data_type && (known.uses & uses) == uses;
  });
}

bool over_buffer(const cl_image_desc& desc) {
  return desc.image_type == CL_MEM_OBJECT_IMAGE1D_BUFFER || desc.image_type == CL_MEM_OBJECT_IMAGE2D;
}

// The image's size, and whether the device can have it. CL_INVALID_IMAGE_DESCRIPTOR, CL_INVALID_IMAGE_SIZE.
cl_int shape_size(const Traits& traits, const cl_image_desc& desc, wire::Box& size) {
  const auto kind = image_kind(desc.image_type);
  if (!kind || desc.image_width == 0) return CL_INVALID_IMAGE_DESCRIPTOR;
  size = {desc.image_width, 1, 1};
  std::uint64_t limits[3] = {traits.image_2d_max[0], 1, 1};
  switch (*kind) {
    case wire::ImageKind::d1: break;
    case wire::ImageKind::d1_buffer: limits[0] = traits.image_buffer_pixels_max; break;
    case wire::ImageKind::d1_array: size.y = desc.image_array_size, limits[1] = traits.image_array_layers_max; break;
    case wire::ImageKind::d2: size.y = desc.image_height, limits[1] = traits.image_2d_max[1]; break;
    case wire::ImageKind::d2_array:
      size.y = desc.image_height, limits[1] = traits.image_2d_max[1];
      size.z = desc.image_array_size, limits[2] = traits.image_array_layers_max;
      break;
    case wire::ImageKind::d3:
      size.y = desc.image_height, size.z = desc.image_depth;
      std::copy_n(traits.image_3d_max, 3, limits);
      break;
  }
  if (is_empty(size)) return CL_INVALID_IMAGE_DESCRIPTOR;
  return size.x <= limits[0] && size.y <= limits[1] && size.z <= limits[2] ? CL_SUCCESS : CL_INVALID_IMAGE_SIZE;
}

// Pitches of memory that holds the image: the program's own, whose pitches the descriptor may give.
// Nothing: they do not fit the image (section 5.3.1.2).
std::optional<Pitches> host_pitches(const cl_image_desc& desc, const wire::Box& size, std::size_t pixel) {
  const std::size_t row_bytes = size.x * pixel;
  const std::size_t row = desc.image_row_pitch != 0 ? desc.image_row_pitch : row_bytes;
  if (row < row_bytes || row % pixel != 0) return std::nullopt;
  const bool is_1d_array = desc.image_type == CL_MEM_OBJECT_IMAGE1D_ARRAY;
  const std::size_t slice_min = is_1d_array ? row : row * size.y;
  const std::size_t slice = desc.image_slice_pitch != 0 ? desc.image_slice_pitch : slice_min;
  if (slice < slice_min || slice % row != 0) return std::nullopt;
  return box_pitches(desc.image_type, row, slice);
}

cl_int check_descriptor(const _cl_context& context, const cl_image_desc& desc, cl_mem_flags flags, bool has_host_ptr) {
  if (desc.num_mip_levels != 0 || desc.num_samples != 0) return CL_INVALID_IMAGE_DESCRIPTOR;
  cl_mem buffer = desc.mem_object;
  if (buffer == nullptr) {
    if (desc.image_type == CL_MEM_OBJECT_IMAGE1D_BUFFER) return CL_INVALID_IMAGE_DESCRIPTOR;
    const bool has_pitches = desc.image_row_pitch != 0 || desc.image_slice_pitch != 0;
    return has_pitches && !has_host_ptr ? CL_INVALID_IMAGE_DESCRIPTOR : CL_SUCCESS;
  }
  if (!over_buffer(desc) || checked(buffer) == nullptr || !buffer->is_buffer()) return CL_INVALID_IMAGE_DESCRIPTOR;
  if (&buffer->context() != &context) return CL_INVALID_CONTEXT;
  // An image of two dimensions over a buffer needs devices that say so by a pitch alignment.
  if (desc.image_type == CL_MEM_OBJECT_IMAGE2D && context.session().traits().image_pitch_align_pixels == 0)
    return CL_INVALID_OPERATION;
  return (flags & (CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR)) != 0 ? CL_INVALID_VALUE : CL_SUCCESS;
}

std::size_t bytes_of(const wire::Box& size, const Pitches& pitch, std::size_t row_bytes) {
  if (size.z > 1) return pitch.slice * size.z;
  return size.y > 1 ? pitch.row * size.y : std::max(row_bytes, pitch.row);
}

wire::ImageCreate create_command(const MemorySpec& spec) {
  const ImageShape& shape = *spec.image;
  const auto kind = *image_kind(spec.type);
  wire::ImageCreate command;
  command.width = shape.size.x;
  const bool is_1d_array = kind == wire::ImageKind::d1_array;
  const bool is_array = is_1d_array || kind == wire::ImageKind::d2_array;
  command.height = is_1d_array ? 1 : shape.size.y;
  command.layers = is_1d_array ? shape.size.y : is_array ? shape.size.z : 0;
  command.depth = is_array ? 1 : shape.size.z;
  command.row_pitch = shape.pitch.row;
  command.slice_pitch = api_slice_pitch(spec.type, shape.pitch);
  command.bytes = spec.parent != nullptr ? 0 : spec.bytes;
  command.channel_order = shape.format.image_channel_order;
  command.channel_type = shape.format.image_channel_data_type;
  command.kind = static_cast<std::uint32_t>(kind);
  command.access = device_access(spec.flags);
  if (spec.parent != nullptr) command.buffer = spec.parent->id();
  return command;
}

cl_mem make_image(_cl_context& context, MemorySpec spec, cl_int& error) {
  const wire::ImageCreate command = create_command(spec);
  const bool in_arena = spec.parent == nullptr && context.session().traits().images_in_arena;
  return make_memory(context, command, std::move(spec), in_arena, error);
}

cl_int fill_from_host(_cl_mem& image, void* host_ptr) {
  BoxTransfer transfer;
  transfer.region = image.image().size;
  transfer.host = static_cast<std::byte*>(host_ptr);
  transfer.host_pitch = image.image().host_pitch;
  return upload(image, transfer);
}

cl_int check_format(const Traits& traits, const cl_image_format* format, cl_mem_object_type type, cl_mem_flags flags) {
  if (format == nullptr || pixel_bytes(*format) == 0) return CL_INVALID_IMAGE_FORMAT_DESCRIPTOR;
  return format_supported(traits, *format, *image_kind(type), image_uses(flags)) ? CL_SUCCESS
                                                                                 : CL_IMAGE_FORMAT_NOT_SUPPORTED;
}

// What clCreateImage checks and computes before anything is made.
cl_int plan_image(_cl_context& context, cl_mem_flags flags, const cl_image_format* format, const cl_image_desc* desc,
                  void* host_ptr, MemorySpec& spec) {
  const Traits& traits = context.session().traits();
  if (format == nullptr) return CL_INVALID_IMAGE_FORMAT_DESCRIPTOR;
  if (desc == nullptr || !image_kind(desc->image_type)) return CL_INVALID_IMAGE_DESCRIPTOR;
  if (const cl_int error = check_descriptor(context, *desc, flags, host_ptr != nullptr)) return error;
  cl_mem buffer = desc->mem_object;
  const auto complete = buffer != nullptr ? inherited_flags(flags, buffer->flags()) : complete_flags(flags);
  if (!complete) return CL_INVALID_VALUE;
  if (!traits.images) return CL_INVALID_OPERATION;
  if (const cl_int error = check_format(traits, format, desc->image_type, *complete)) return error;
  auto shape = std::make_unique<ImageShape>();
  if (const cl_int error = shape_size(traits, *desc, shape->size)) return error;
  if (buffer == nullptr)
    if (const cl_int error = check_host_ptr(*complete, host_ptr)) return error;
  const std::size_t pixel = pixel_bytes(*format), row_bytes = shape->size.x * pixel;
  const auto given = host_pitches(*desc, shape->size, pixel);
  if (!given) return CL_INVALID_IMAGE_DESCRIPTOR;
  shape->host_pitch = *given;
  shape->host_row_pitch = desc->image_row_pitch != 0 ? desc->image_row_pitch : row_bytes;
  shape->format = *format;
  shape->desc = *desc;
  shape->pixel_bytes = pixel;
  // Over a buffer the pixels lie as the program says; else packed.
  shape->pitch = buffer != nullptr ? *given : Pitches{row_bytes, row_bytes * shape->size.y};
  spec.type = desc->image_type;
  spec.flags = *complete;
  spec.bytes = bytes_of(shape->size, shape->pitch, row_bytes);
  if (buffer != nullptr && spec.bytes > buffer->bytes()) return CL_INVALID_IMAGE_SIZE;
  if (buffer == nullptr && spec.bytes > traits.allocation_bytes_max) return CL_INVALID_IMAGE_SIZE;
  spec.parent = buffer;
  if ((*complete & CL_MEM_USE_HOST_PTR) != 0 && buffer == nullptr) spec.host_ptr = host_ptr;
  spec.image = std::move(shape);
  return CL_SUCCESS;
}

cl_mem create_image(_cl_context& context, MemorySpec spec, void* host_ptr, cl_int* errcode_ret) {
  cl_int error = CL_SUCCESS;
  auto image = Ref<_cl_mem>::adopt(make_image(context, std::move(spec), error));
  if (image && host_ptr != nullptr) error = fill_from_host(*image, host_ptr);
  set_error(errcode_ret, error);
  return error == CL_SUCCESS ? image.leak() : nullptr;
}

}  // namespace

cl_mem clCreateImageWithProperties(cl_context context, const cl_mem_properties* properties, cl_mem_flags flags,
                                   const cl_image_format* format, const cl_image_desc* desc, void* host_ptr,
                                   cl_int* errcode_ret) {
  if (checked(context) == nullptr) return failed(errcode_ret, CL_INVALID_CONTEXT);
  if (properties != nullptr && properties[0] != 0) return failed(errcode_ret, CL_INVALID_PROPERTY);
  return guarded(errcode_ret, [&]() -> cl_mem {
    MemorySpec spec;
    if (const cl_int error = plan_image(*context, flags, format, desc, host_ptr, spec))
      return failed(errcode_ret, error);
    spec.properties = copy_properties(properties);
    return create_image(*context, std::move(spec), host_ptr, errcode_ret);
  });
}

cl_mem clCreateImage(cl_context context, cl_mem_flags flags, const cl_image_format* format, const cl_image_desc* desc,
                     void* host_ptr, cl_int* errcode_ret) {
  return clCreateImageWithProperties(context, nullptr, flags, format, desc, host_ptr, errcode_ret);
}

namespace {

// The 1.1 forms answer a wrong size with CL_INVALID_IMAGE_SIZE.
cl_mem create_legacy(cl_context context, cl_mem_flags flags, const cl_image_format* format, const cl_image_desc& desc,
                     void* host_ptr, cl_int* errcode_ret) {
  cl_int error = CL_SUCCESS;
  cl_mem image = clCreateImageWithProperties(context, nullptr, flags, format, &desc, host_ptr, &error);
  set_error(errcode_ret, error == CL_INVALID_IMAGE_DESCRIPTOR ? CL_INVALID_IMAGE_SIZE : error);
  return image;
}

}  // namespace

cl_mem clCreateImage2D(cl_context context, cl_mem_flags flags, const cl_image_format* format, size_t width,
                       size_t height, size_t row_pitch, void* host_ptr, cl_int* errcode_ret) {
  cl_image_desc desc{};
  desc.image_type = CL_MEM_OBJECT_IMAGE2D;
  desc.image_width = width, desc.image_height = height;
  desc.image_row_pitch = row_pitch;
  return create_legacy(context, flags, format, desc, host_ptr, errcode_ret);
}

cl_mem clCreateImage3D(cl_context context, cl_mem_flags flags, const cl_image_format* format, size_t width,
                       size_t height, size_t depth, size_t row_pitch, size_t slice_pitch, void* host_ptr,
                       cl_int* errcode_ret) {
  cl_image_desc desc{};
  desc.image_type = CL_MEM_OBJECT_IMAGE3D;
  desc.image_width = width, desc.image_height = height, desc.image_depth = depth;
  desc.image_row_pitch = row_pitch, desc.image_slice_pitch = slice_pitch;
  return create_legacy(context, flags, format, desc, host_ptr, errcode_ret);
}
