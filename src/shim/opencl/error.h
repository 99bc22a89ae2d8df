// How the pool's outcomes become OpenCL's error numbers, and how API calls report failure.
#pragma once

#include <CL/cl.h>

#include <cstddef>
#include <new>
#include <stdexcept>

#include "wire/outcome.h"

namespace sluice::opencl {

// The error number of an outcome; CL_SUCCESS for ok.
cl_int error_of(wire::Outcome outcome);

// Stores an error where the program asked for it: `errcode_ret` may be null.
inline void set_error(cl_int* errcode_ret, cl_int error) {
  if (errcode_ret != nullptr) *errcode_ret = error;
}

// Ends a creating call that failed: `return failed(errcode_ret, CL_INVALID_VALUE);`.
inline std::nullptr_t failed(cl_int* errcode_ret, cl_int error) {
  set_error(errcode_ret, error);
  return nullptr;
}

// Runs the body of a call that allocates as much as the program says. Memory that the process does not have is
// CL_OUT_OF_HOST_MEMORY, never an exception in the program.
template <typename Body>
cl_int guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return CL_OUT_OF_HOST_MEMORY;
  } catch (const std::length_error&) {
    return CL_OUT_OF_HOST_MEMORY;
  }
}

// The same for calls that return a handle: the body returns it, or null after having set *errcode_ret itself.
template <typename Body>
auto guarded(cl_int* errcode_ret, Body body) -> decltype(body()) {
  decltype(body()) made = nullptr;
  const cl_int error = guarded([&] {
    made = body();
    return CL_SUCCESS;
  });
  if (error != CL_SUCCESS) set_error(errcode_ret, error);
  return made;
}

}  // namespace sluice::opencl
