// Faults of drivers that the backend works around, each with the version in which it was seen. docs/DRIVERS.md tells
// what else is known of each driver.
#pragma once

#include "wire/device_traits.h"

namespace sluice::backend::opencl {

struct Quirks {
  // Callbacks and times are of no use: see Watcher.
  bool watch_queues = false;
  // Headers that are given to a compile are found for #include "name", not for <name>.
  bool quote_headers = false;
  // The largest work-group of every kernel is said to be the preferred multiple, and is the device's.
  bool large_work_groups = false;
  // The local memory that a kernel declares is counted twice.
  bool local_bytes_doubled = false;
  // The number of compute units is a constant, whatever the machine has.
  bool count_processors = false;
  // A failed command's event stays in the lists of what it waited for, which does not keep it: so it is never let go.
  bool failed_events_named = false;
  // Loses count of who uses a compiled kernel, and aborts: see pocl/stand_ins.h.
  bool miscounts_handles = false;
  // Compiles a kernel when it is launched: see pocl/compiles.h.
  bool compiles_at_launch = false;
};

Quirks quirks_of(const wire::DeviceTraits& traits);

}  // namespace sluice::backend::opencl
