#include "daemon/backends/opencl/backend.h"

#include <cstdlib>

#include "daemon/backends/opencl/device.h"

namespace sluice::backend::opencl {
namespace {

struct Found {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  std::size_t number = 0;  // among its platform's: what another driver offers must not change a device's identity
};

// In the loader's order, which follows the names of the ICD files.
std::vector<Found> find_devices() {
  std::vector<Found> found;
  cl_uint count = 0;
  if (clGetPlatformIDs(0, nullptr, &count) != CL_SUCCESS || count == 0) return found;
  std::vector<cl_platform_id> platforms(count);
  if (clGetPlatformIDs(count, platforms.data(), nullptr) != CL_SUCCESS) return found;
  for (const cl_platform_id platform : platforms) {
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS || count == 0) continue;
    std::vector<cl_device_id> devices(count);
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, devices.data(), nullptr) != CL_SUCCESS) continue;
    for (std::size_t number = 0; number < devices.size(); ++number)
      found.push_back({platform, devices[number], number});
  }
  return found;
}

class OpenClBackend final : public Backend {
 public:
  std::string name() const override { return "opencl"; }

  std::size_t device_count() override { return find_devices().size(); }

  Result<std::vector<wire::DeviceTraits>> discover() override {
    std::vector<wire::DeviceTraits> all;
    const auto found = find_devices();
    for (const Found& one : found) {
      const auto device = SLUICE_TRY(OpenClDevice::open(one.platform, one.device, one.number));
      all.push_back(device->traits());
    }
    return all;
  }

  Result<std::unique_ptr<Device>> open(std::size_t index) override {
    const auto found = find_devices();
    if (index >= found.size())
      return Status(Code::not_found,
                    "no OpenCL device number " + std::to_string(index) + "; there are " + std::to_string(found.size()));
    const Found& one = found[index];
    return std::unique_ptr<Device>(SLUICE_TRY(OpenClDevice::open(one.platform, one.device, one.number)));
  }
};

}  // namespace

std::unique_ptr<Backend> make_backend() {
  // Mesa maps one index of compiled code for all processes of a user when its driver is loaded, and keeps it mapped:
  // tenants would share what kernels can write. The backend saves builds in the tenant's own folder.
  setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
  setenv("MESA_GLSL_CACHE_DISABLE", "true", 1);  // its name before Mesa 22.1
  return std::make_unique<OpenClBackend>();
}

}  // namespace sluice::backend::opencl
