// Images: their shapes, formats and creation (OpenCL 3.0, section 5.3).
//
// A shape is a Box of pixels, with the layers of an array where the API counts them: in y for 1D arrays, in z for 2D
// arrays. So the distance between two layers of a 1D array is a row pitch here, whatever the API calls it.
#pragma once

#include <optional>

#include "shim/opencl/memory.h"
#include "shim/opencl/rect.h"

namespace sluice::opencl {

// Bytes of one pixel, or 0: no such format exists.
std::size_t pixel_bytes(const cl_image_format& format);

std::optional<wire::ImageKind> image_kind(cl_mem_object_type type);

// What kernels may do with an image made with these flags: ImageUse bits.
std::uint8_t image_uses(cl_mem_flags flags);

// Row and slice pitch of the API for an image of this type, as Box distances; and back.
Pitches box_pitches(cl_mem_object_type type, std::size_t row_pitch, std::size_t slice_pitch);
std::size_t api_slice_pitch(cl_mem_object_type type, const Pitches& pitch);

// The same for pitches of this image's own memory, which may be the program's: a 1D array's row pitch says nothing
// about where its layers lie, and so is in no Box distance.
std::size_t api_row_pitch(const _cl_mem& image, const Pitches& pitch);

// Checks origin and region of a transfer: CL_INVALID_VALUE if they are not inside the image, or use dimensions that
// it has not.
cl_int check_image_region(const _cl_mem& image, const size_t* origin, const size_t* region);

}  // namespace sluice::opencl
