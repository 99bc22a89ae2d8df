// RecentBuilds: the programs that a session built last, for its builds that are the same once more.
//
// Many programs build one text, or load one binary, again for every context, object or thread that they make. OpenCL
// has no state in a built program but its program-scope variables (OpenCL C, 6.5.1), so on a device that has none
// (CL_DEVICE_MAX_GLOBAL_VARIABLE_SIZE is 0) equal builds may be one program of the driver's. Thread-safe.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>

#include "daemon/backends/opencl/api.h"
#include "daemon/backends/opencl/digest.h"
#include "daemon/backends/opencl/divisible.h"
#include "wire/kernel_traits.h"

namespace sluice::backend::opencl {

class RecentBuilds {
 public:
  static constexpr std::size_t builds_max = 16;

  struct Build {
    ProgramHandle program;
    wire::BuildReply reply;
    Divisions divisions;
  };

  // Nothing: not among the last. A found build holds a reference of its own to the program.
  std::optional<Build> find(const Digest& key);
  // Takes a reference to the program.
  void keep(const Digest& key, cl_program program, const wire::BuildReply& reply, const Divisions& divisions);

 private:
  struct Entry {
    Digest key;
    Build build;
  };

  std::mutex mutex_;
  std::list<Entry> entries_;  // the latest first; guarded by mutex_
};

}  // namespace sluice::backend::opencl
