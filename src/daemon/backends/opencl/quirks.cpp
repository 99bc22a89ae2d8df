#include "daemon/backends/opencl/quirks.h"

namespace sluice::backend::opencl {

Quirks quirks_of(const wire::DeviceTraits& traits) {
  Quirks quirks;
  if (traits.platform_name == "Portable Computing Language" && traits.driver_version.starts_with("3.1"))
    quirks.miscounts_handles = quirks.failed_events_named = quirks.compiles_at_launch = true;
  if (traits.platform_name != "rusticl") return quirks;
  // Mesa 22.3.6
  quirks.watch_queues = quirks.quote_headers = quirks.large_work_groups = quirks.local_bytes_doubled = true;
  quirks.count_processors = traits.kind == wire::DeviceKind::cpu;  // llvmpipe: 8 on 2 cores
  return quirks;
}

}  // namespace sluice::backend::opencl
