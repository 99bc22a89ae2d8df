#include "shim/opencl/image.h"

#include <algorithm>
#include <vector>

#include "shim/opencl/info.h"
#include "shim/opencl/transfer.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace sluice::opencl {
namespace {

std::size_t channels_of(cl_channel_order order) {
  switch (order) {
    case CL_R: case CL_A: case CL_Rx: case CL_INTENSITY: case CL_LUMINANCE: case CL_DEPTH: return 1;
    case CL_RG: case CL_RA: case CL_RGx: return 2;
    case CL_RGB: case CL_RGBx: case CL_sRGB: return 3;
    case CL_RGBA: case CL_BGRA: case CL_ARGB: case CL_ABGR: case CL_sRGBA: case CL_sBGRA: case CL_sRGBx: return 4;
    default: return 0;
  }
}

std::size_t channel_bytes(cl_channel_type type) {
  switch (type) {
    case CL_SNORM_INT8: case CL_UNORM_INT8: case CL_SIGNED_INT8: case CL_UNSIGNED_INT8: return 1;
    case CL_SNORM_INT16: case CL_UNORM_INT16: case CL_SIGNED_INT16: case CL_UNSIGNED_INT16: case CL_HALF_FLOAT:
      return 2;
    case CL_SIGNED_INT32: case CL_UNSIGNED_INT32: case CL_FLOAT: return 4;
    default: return 0;
  }
}

}  // namespace

std::size_t pixel_bytes(const cl_image_format& format) {
  const std::size_t channels = channels_of(format.image_channel_order);
  switch (format.image_channel_data_type) {  // these hold a whole pixel
    case CL_UNORM_SHORT_565: case CL_UNORM_SHORT_555: return channels == 3 ? 2 : 0;
    case CL_UNORM_INT_101010: return channels == 3 ? 4 : 0;
    case CL_UNORM_INT_101010_2: return channels == 4 ? 4 : 0;
    default: break;
  }
  // Three channels of their own size have no packed form (section 5.3.1.1); sRGBx and the like are padded to four.
  const bool padded = format.image_channel_order == CL_sRGBx;
  return (padded ? 4 : channels) * channel_bytes(format.image_channel_data_type);
}

std::optional<wire::ImageKind> image_kind(cl_mem_object_type type) {
  switch (type) {
    case CL_MEM_OBJECT_IMAGE1D: return wire::ImageKind::d1;
    case CL_MEM_OBJECT_IMAGE1D_ARRAY: return wire::ImageKind::d1_array;
    case CL_MEM_OBJECT_IMAGE1D_BUFFER: return wire::ImageKind::d1_buffer;
    case CL_MEM_OBJECT_IMAGE2D: return wire::ImageKind::d2;
    case CL_MEM_OBJECT_IMAGE2D_ARRAY: return wire::ImageKind::d2_array;
    case CL_MEM_OBJECT_IMAGE3D: return wire::ImageKind::d3;
    default: return std::nullopt;
  }
}

Pitches box_pitches(cl_mem_object_type type, std::size_t row_pitch, std::size_t slice_pitch) {
  return type == CL_MEM_OBJECT_IMAGE1D_ARRAY ? Pitches{slice_pitch, 0} : Pitches{row_pitch, slice_pitch};
}

std::size_t api_slice_pitch(cl_mem_object_type type, const Pitches& pitch) {
  switch (type) {
    case CL_MEM_OBJECT_IMAGE1D_ARRAY: return pitch.row;
    case CL_MEM_OBJECT_IMAGE2D_ARRAY: case CL_MEM_OBJECT_IMAGE3D: return pitch.slice;
    default: return 0;
  }
}

cl_int check_image_region(const _cl_mem& image, const size_t* origin, const size_t* region) {
  if (origin == nullptr || region == nullptr) return CL_INVALID_VALUE;
  const wire::Box& size = image.image().size;
  const std::uint64_t whole[3] = {size.x, size.y, size.z};
  // A dimension that the image has not is one pixel wide, so that origin 0 and region 1 are all that fits.
  for (int i = 0; i < 3; ++i)
    if (region[i] == 0 || !in_range(origin[i], region[i], whole[i])) return CL_INVALID_VALUE;
  return CL_SUCCESS;
}

}  // namespace sluice::opencl

// ---- creation ----

namespace {

using Traits = wire::DeviceTraits;

bool format_supported(const Traits& traits, const cl_image_format& format, wire::ImageKind kind, std::uint8_t uses) {
  return std::any_of(traits.image_formats.begin(), traits.image_formats.end(), [&](const wire::ImageFormat& known) {
    return known.kind == kind && known.channel_order == format.image_channel_order &&
           known.channel_type == format.image_channel_data_type && (known.uses & uses) == uses;
  });
}

std::uint8_t uses_of(cl_mem_flags flags) {
  if ((flags & CL_MEM_KERNEL_READ_AND_WRITE) != 0) return wire::image_read_write;
  if ((flags & CL_MEM_READ_ONLY) != 0) return wire::image_read;
  if ((flags & CL_MEM_WRITE_ONLY) != 0) return wire::image_write;
  return wire::image_read | wire::image_write;  // section 5.3.2: read-write images are read or written by a kernel
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
  sluice::shim::Session& session = context.session();
  wire::ImageCreate command = create_command(spec);
  command.id = session.mint();
  if (spec.parent == nullptr && session.traits().images_in_arena) {
    const auto arena_at = Progress::of(session).make_room(spec.bytes);
    if (!arena_at) {
      error = session.lost() ? context.report_lost() : CL_MEM_OBJECT_ALLOCATION_FAILURE;
      return nullptr;
    }
    command.arena_at = spec.arena_at = *arena_at;
  }
  error = call_to_create(context, command);
  if (error == CL_SUCCESS) return new _cl_mem(context, command.id, std::move(spec));
  if (spec.arena_at != wire::nowhere) session.release(spec.arena_at);
  return nullptr;
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
  return format_supported(traits, *format, *image_kind(type), uses_of(flags)) ? CL_SUCCESS
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

// The 1.1 forms answer a wrong size with CL_INVALID_IMAGE_SIZE.
namespace {

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

// ---- queries ----

cl_int clGetSupportedImageFormats(cl_context context, cl_mem_flags flags, cl_mem_object_type type,
                                  cl_uint num_entries, cl_image_format* formats, cl_uint* num_formats) {
  if (checked(context) == nullptr) return CL_INVALID_CONTEXT;
  const auto kind = image_kind(type);
  if (!kind || !complete_flags(flags & ~static_cast<cl_mem_flags>(CL_MEM_KERNEL_READ_AND_WRITE)) ||
      (num_entries == 0 && formats != nullptr))
    return CL_INVALID_VALUE;
  const std::uint8_t uses = uses_of(flags);
  cl_uint found = 0;
  for (const wire::ImageFormat& known : context->session().traits().image_formats) {
    if (known.kind != *kind || (known.uses & uses) != uses) continue;
    if (formats != nullptr && found < num_entries) formats[found] = {known.channel_order, known.channel_type};
    ++found;
  }
  if (num_formats != nullptr) *num_formats = found;
  return CL_SUCCESS;
}

cl_int clGetImageInfo(cl_mem image, cl_image_info name, size_t room, void* value, size_t* size_ret) {
  if (checked(image) == nullptr || !image->is_image()) return CL_INVALID_MEM_OBJECT;
  const InfoReply reply(room, value, size_ret);
  const ImageShape& shape = image->image();
  const cl_image_desc& desc = shape.desc;
  const auto kind = *image_kind(image->type());
  const bool has_height = kind == wire::ImageKind::d2 || kind == wire::ImageKind::d2_array || kind == wire::ImageKind::d3;
  const bool is_array = kind == wire::ImageKind::d1_array || kind == wire::ImageKind::d2_array;
  switch (name) {
    case CL_IMAGE_FORMAT: return reply.value<cl_image_format>(shape.format);
    case CL_IMAGE_ELEMENT_SIZE: return reply.value<size_t>(shape.pixel_bytes);
    case CL_IMAGE_ROW_PITCH: return reply.value<size_t>(shape.pitch.row);
    case CL_IMAGE_SLICE_PITCH: return reply.value<size_t>(api_slice_pitch(image->type(), shape.pitch));
    case CL_IMAGE_WIDTH: return reply.value<size_t>(desc.image_width);
    case CL_IMAGE_HEIGHT: return reply.value<size_t>(has_height ? desc.image_height : 0);
    case CL_IMAGE_DEPTH: return reply.value<size_t>(kind == wire::ImageKind::d3 ? desc.image_depth : 0);
    case CL_IMAGE_ARRAY_SIZE: return reply.value<size_t>(is_array ? desc.image_array_size : 0);
    case CL_IMAGE_BUFFER: return reply.value<cl_mem>(image->parent());
    case CL_IMAGE_NUM_MIP_LEVELS:
    case CL_IMAGE_NUM_SAMPLES: return reply.value<cl_uint>(0);
    default: return CL_INVALID_VALUE;
  }
}
