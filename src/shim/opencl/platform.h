// The one platform, "Sluice": a static handle, never freed, found by programs only while there is a pool to join.
#pragma once

#include "shim/opencl/object.h"

struct _cl_platform_id final : public sluice::opencl::ObjectOf<_cl_platform_id, sluice::opencl::Kind::platform> {};

namespace sluice::opencl {

cl_platform_id the_platform();

// A platform that a program passes where null stands for the only one.
bool valid_platform_or_null(cl_platform_id platform);

}  // namespace sluice::opencl
