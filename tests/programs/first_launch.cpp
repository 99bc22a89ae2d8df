// A layer of the OpenCL loader (cl_layer.h) that ends the program at its first kernel: it writes the time of that
// launch (CLOCK_MONOTONIC, nanoseconds) into the file that FIRST_LAUNCH_FILE names. Loaded by OPENCL_LAYERS, natively
// and in a pool alike, so that bench/run can tell how long a user waits until a program begins to compute.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <string>

#include "layer.h"

namespace {

cl_icd_dispatch above;

// Of several threads the first one's launch counts; the others wait for the end that it makes.
[[noreturn]] void note_and_end() {
  static std::atomic_flag taken;
  while (taken.test_and_set()) pause();
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::string line = std::to_string(now.tv_sec * 1'000'000'000LL + now.tv_nsec);
  const char* path = std::getenv("FIRST_LAUNCH_FILE");
  const int file = path != nullptr ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
  const bool written = file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  _exit(written ? 0 : 1);
}

cl_int CL_API_CALL launch(cl_command_queue, cl_kernel, cl_uint, const size_t*, const size_t*, const size_t*, cl_uint,
                          const cl_event*, cl_event*) {
  note_and_end();
}

cl_int CL_API_CALL task(cl_command_queue, cl_kernel, cl_uint, const cl_event*, cl_event*) { note_and_end(); }

}  // namespace

cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t room, void* value, size_t* bytes) {
  return layer::info("first launch", what, room, value, bytes);
}

cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch* target, cl_uint* entries_made,
                               const cl_icd_dispatch** made) {
  if (const cl_int error = layer::init(entries, target, entries_made, made, above)) return error;
  above.clEnqueueNDRangeKernel = launch;
  above.clEnqueueTask = task;
  return CL_SUCCESS;
}
