#include "daemon/backends/backend.h"
#include "daemon/backends/opencl/backend.h"

namespace sluice::backend {

std::vector<std::unique_ptr<Backend>> make_backends() {
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(opencl::make_backend());
  return backends;
}

}  // namespace sluice::backend
