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
    case CL_R:
    case CL_A:
    case CL_Rx:
    case CL_INTENSITY:
    case CL_LUMINANCE:
    case CL_DEPTH: return 1;
    case CL_RG:
    case CL_RA:
    case CL_RGx: return 2;
    case CL_RGB:
    case CL_RGBx:
    case CL_sRGB: return 3;
    case CL_RGBA:
    case CL_BGRA:
    case CL_ARGB:
    case CL_ABGR:
    case CL_sRGBA:
    case CL_sBGRA:
    case CL_sRGBx: return 4;
    default: return 0;
  }
}

std::size_t channel_bytes(cl_channel_type type) {
  switch (type) {
    case CL_SNORM_INT8:
    case CL_UNORM_INT8:
    case CL_SIGNED_INT8:
    case CL_UNSIGNED_INT8: return 1;
    case CL_SNORM_INT16:
    case CL_UNORM_INT16:
    case CL_SIGNED_INT16:
    case CL_UNSIGNED_INT16:
    case CL_HALF_FLOAT: return 2;
    case CL_SIGNED_INT32:
    case CL_UNSIGNED_INT32:
    case CL_FLOAT: return 4;
    default: return 0;
  }
}

}  // namespace

std::size_t pixel_bytes(const cl_image_format& format) {
  const std::size_t channels = channels_of(format.image_channel_order);
  switch (format.image_channel_data_type) {  // these hold a whole pixel
    case CL_UNORM_SHORT_565:
    case CL_UNORM_SHORT_555: return channels == 3 ? 2 : 0;
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
    case CL_MEM_OBJECT_IMAGE2D_ARRAY:
    case CL_MEM_OBJECT_IMAGE3D: return pitch.slice;
    default: return 0;
  }
}

std::size_t api_row_pitch(const _cl_mem& image, const Pitches& pitch) {
  const bool of_host = image.type() == CL_MEM_OBJECT_IMAGE1D_ARRAY && image.host_ptr() != nullptr;
  return of_host ? image.image().host_row_pitch : pitch.row;
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

std::uint8_t image_uses(cl_mem_flags flags) {
  if ((flags & CL_MEM_KERNEL_READ_AND_WRITE) != 0) return wire::image_read_write;
  if ((flags & CL_MEM_READ_ONLY) != 0) return wire::image_read;
  if ((flags & CL_MEM_WRITE_ONLY) != 0) return wire::image_write;
  return wire::image_read | wire::image_write;  // section 5.3.2: read-write images are read or written by a kernel
}

}  // namespace sluice::opencl

// ---- queries ----

cl_int clGetSupportedImageFormats(cl_context context, cl_mem_flags flags, cl_mem_object_type type, cl_uint num_entries,
                                  cl_image_format* formats, cl_uint* num_formats) {
  if (checked(context) == nullptr) return CL_INVALID_CONTEXT;
  const auto kind = image_kind(type);
  if (!kind || !complete_flags(flags & ~static_cast<cl_mem_flags>(CL_MEM_KERNEL_READ_AND_WRITE)) ||
      (num_entries == 0 && formats != nullptr))
    return CL_INVALID_VALUE;
  const std::uint8_t uses = image_uses(flags);
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
  const Pitches& pitch = image->host_ptr() != nullptr ? shape.host_pitch : shape.pitch;
  const auto kind = *image_kind(image->type());
  const bool has_height =
      kind == wire::ImageKind::d2 || kind == wire::ImageKind::d2_array || kind == wire::ImageKind::d3;
  const bool is_array = kind == wire::ImageKind::d1_array || kind == wire::ImageKind::d2_array;
  switch (name) {
    case CL_IMAGE_FORMAT: return reply.value<cl_image_format>(shape.format);
    case CL_IMAGE_ELEMENT_SIZE: return reply.value<size_t>(shape.pixel_bytes);
    case CL_IMAGE_ROW_PITCH: return reply.value<size_t>(api_row_pitch(*image, pitch));
    case CL_IMAGE_SLICE_PITCH: return reply.value<size_t>(api_slice_pitch(image->type(), pitch));
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
