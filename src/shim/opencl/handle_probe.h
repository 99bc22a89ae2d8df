// Tells a handle from plain data, for arguments whose type the driver did not say.
#pragma once

#include "shim/opencl/object.h"

namespace sluice::opencl {

// The kind of object that `address` points at; Kind::dead if it points at none of ours. Safe for any value: memory
// that the process cannot read is never touched.
Kind probe_kind(const void* address);

}  // namespace sluice::opencl
