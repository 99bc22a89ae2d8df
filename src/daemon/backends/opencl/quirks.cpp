#include "daemon/backends/opencl/quirks.h"

namespace sluice::backend::opencl {

Quirks quirks_of(const wire::DeviceTraits& traits) {
  Quirks quirks;
  if (traits.platform_name == "rusticl") quirks.watch_queues = quirks.quote_headers = true;  // Mesa 22.3.6
  return quirks;
}

}  // namespace sluice::backend::opencl
