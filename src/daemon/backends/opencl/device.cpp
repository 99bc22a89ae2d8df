#include "daemon/backends/opencl/device.h"

#include <unistd.h>

#include <algorithm>

#include "base/cpu_set.h"
#include "daemon/backends/opencl/pocl_cache.h"
#include "daemon/backends/opencl/pocl_interposition.h"
#include "daemon/backends/opencl/traits.h"

namespace sluice::backend::opencl {
namespace {

Digest make_of(const wire::DeviceTraits& t) {
  Hasher hasher;
  for (const std::string* field : {&t.platform_name, &t.name, &t.device_version, &t.driver_version})
    hasher.add_field(*field);
  hasher.add(std::as_bytes(std::span(t.uuid)));
  return hasher.finish();
}

}  // namespace

Result<std::unique_ptr<OpenClDevice>> OpenClDevice::open(cl_platform_id platform, cl_device_id device,
                                                         std::size_t number) {
  std::unique_ptr<OpenClDevice> opened(new OpenClDevice());
  opened->device_ = device;
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, reinterpret_cast<cl_context_properties>(platform),
                                              0};
  cl_int error = CL_SUCCESS;
  opened->context_ = ContextHandle(clCreateContext(properties, 1, &device, nullptr, nullptr, &error));
  if (error != CL_SUCCESS) return Status(Code::internal, "cannot open the device: " + error_text(error));
  opened->traits_ = read_traits(platform, device, opened->context_.get(), number);
  opened->make_ = make_of(opened->traits_);
  opened->quirks_ = quirks_of(opened->traits_);
  if (opened->quirks_.count_processors)
    opened->traits_.compute_units = std::min(opened->traits_.compute_units, std::max(1u, CpuSet::allowed().count()));
  use_interposition(opened->quirks_);
  // A watcher follows one command after the other.
  if (opened->quirks_.watch_queues) opened->traits_.out_of_order_queues = false;
  opened->traits_.partitionable = opened->can_partition();
  QueueHandle queue = SLUICE_TRY(opened->make_queue(device, false));
  opened->clock_.measure(queue.get());
  if (!opened->traits_.buffers_in_arena) opened->scrub_queue_ = std::move(queue);
  opened->saver_ = std::make_unique<BuildSaver>(opened->activity_, opened->cache_);
  return opened;
}

OpenClDevice::~OpenClDevice() {
  // A callback of the driver may still be on its way; it must find this object.
  while (activity_.in_flight.load(std::memory_order_acquire) > 0) usleep(1000);
}

void OpenClDevice::set_sink(CompletionSink& sink) {
  sink_ = &sink;
  activity_.sink.store(&sink, std::memory_order_release);
  report_driver_compiles(quirks_, sink);
}

Status OpenClDevice::use_cache_folder(const std::string& path) {
  SLUICE_TRY(cache_.open(path + "/programs"));
  const std::string drivers = path + "/pocl";
  saver_->tidy_after_save([drivers] { prune_pocl_cache(drivers, BuildCache::default_bytes_max); });
  return point_pocl_cache_at(drivers);
}

Result<QueueHandle> OpenClDevice::make_queue(cl_device_id device, bool out_of_order) const {
  const cl_command_queue_properties flags =
      CL_QUEUE_PROFILING_ENABLE |
      (out_of_order ? static_cast<cl_command_queue_properties>(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) : 0);
  cl_int error = CL_SUCCESS;
  QueueHandle queue;
  if (traits_.numeric_version >= CL_MAKE_VERSION(2, 0, 0)) {
    const cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, flags, 0};
    queue = QueueHandle(clCreateCommandQueueWithProperties(context_.get(), device, properties, &error));
  } else {
    queue = QueueHandle(clCreateCommandQueue(context_.get(), device, flags, &error));
  }
  if (error != CL_SUCCESS) return Status(Code::exhausted, "cannot make a queue: " + error_text(error));
  return queue;
}

}  // namespace sluice::backend::opencl
