#include <CL/cl_ext.h>
#include <CL/cl_icd.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <set>

#include "shim/opencl/platform.h"

namespace sluice::opencl {
namespace {

// Where the entries of Windows interfaces begin and end.
struct Gap {
  std::size_t first, end;
};
constexpr Gap windows_entries[] = {
    {offsetof(cl_icd_dispatch, clGetDeviceIDsFromD3D10KHR), offsetof(cl_icd_dispatch, clSetEventCallback)},
    {offsetof(cl_icd_dispatch, clGetDeviceIDsFromD3D11KHR), offsetof(cl_icd_dispatch, clCreateFromEGLImageKHR)},
};

bool is_windows_entry(std::size_t at) {
  for (const Gap& gap : windows_entries)
    if (at >= gap.first && at < gap.end) return true;
  return false;
}

const void* entry(std::size_t at) {
  const void* function = nullptr;
  std::memcpy(&function, reinterpret_cast<const char*>(&dispatch_table) + at, sizeof function);
  return function;
}

TEST_CASE("the dispatch table has an entry of its own for every function of OpenCL 1.0 to 3.0") {
  std::set<const void*> functions;
  std::size_t count = 0;
  for (std::size_t at = 0; at < sizeof dispatch_table; at += sizeof(void*)) {
    INFO("at byte " << at);
    if (is_windows_entry(at)) {
      CHECK(entry(at) == nullptr);
      continue;
    }
    CHECK(entry(at) != nullptr);
    functions.insert(entry(at));
    ++count;
  }
  CHECK(functions.size() == count);
  CHECK(count == 133);
}

TEST_CASE("a handle starts with the dispatch table") {
  const void* front = nullptr;
  std::memcpy(&front, the_platform(), sizeof front);
  CHECK(front == &dispatch_table);
}

TEST_CASE("an ICD loader finds its way in by name") {
  CHECK(clGetExtensionFunctionAddress("clIcdGetPlatformIDsKHR") == reinterpret_cast<void*>(&clIcdGetPlatformIDsKHR));
  CHECK(clGetExtensionFunctionAddressForPlatform(the_platform(), "clIcdGetPlatformIDsKHR") != nullptr);
  CHECK(clGetExtensionFunctionAddressForPlatform(nullptr, "clIcdGetPlatformIDsKHR") == nullptr);
  CHECK(clGetExtensionFunctionAddress("clNoSuchFunctionKHR") == nullptr);
  CHECK(clGetExtensionFunctionAddress(nullptr) == nullptr);
}

}  // namespace
}  // namespace sluice::opencl
