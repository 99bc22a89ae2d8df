#include "daemon/server/device_watch.h"

#include <algorithm>

#include "base/log.h"
#include "daemon/server/inventory.h"

namespace sluice::server {
namespace {

// The device that is due first; null: none is.
const PoolDevice* first_due(const DevicePool& devices) {
  const PoolDevice* first = nullptr;
  for (const PoolDevice& device : devices.devices()) {
    const auto due = device.health.probe_due_ns();
    if (device.enabled && due && (first == nullptr || *due < *first->health.probe_due_ns())) first = &device;
  }
  return first;
}

}  // namespace

void DeviceWatch::start() {
  running_ = true;
  for (const PoolDevice& device : devices_.devices())
    if (device.enabled) devices_.set_health(device.index, DeviceHealth(settings_.probe_every_ns, now_ns()));
  plan();
}

bool DeviceWatch::watches(std::uint32_t device) const {
  const PoolDevice* found = devices_.find(device);
  return running_ && found != nullptr && found->enabled;
}

// event: tells a DeviceHealth what has happened, and returns whether that changed it.
template <typename Event>
void DeviceWatch::note(std::uint32_t device, Event event) {
  if (!watches(device)) return;
  DeviceHealth health = devices_.find(device)->health;
  const bool changed = event(health);
  devices_.set_health(device, health);
  if (changed) log_change(*devices_.find(device));
  plan();
}

void DeviceWatch::log_change(const PoolDevice& device) const {
  const std::string who = "device " + std::to_string(device.index) + " (" + label_of(device) + ")";
  switch (device.health.state()) {
    case Health::ok: return log::info("{} is ok again", who);
    case Health::suspect: return log::warn("{} is suspect: {}", who, device.health.reason());
    case Health::failed: return log::error("{} has failed, and takes no new slices: {}", who, device.health.reason());
    case Health::gone: return log::error("{} is gone, and takes no new slices: {}", who, device.health.reason());
  }
}

void DeviceWatch::worker_started(std::uint32_t device) {
  note(device, [](DeviceHealth& health) { return health.started(now_ns()); });
}

void DeviceWatch::start_failed(std::uint32_t device, const std::string& reason) {
  note(device, [&](DeviceHealth& health) { return health.start_failed(reason, now_ns()); });
}

void DeviceWatch::worker_crashed(std::uint32_t device, const std::string& how) {
  note(device, [&](DeviceHealth& health) { return health.crashed(how, now_ns()); });
}

// ---- probes ----

void DeviceWatch::plan() {
  next_.reset();
  const PoolDevice* first = running_ && !probing_ ? first_due(devices_) : nullptr;
  if (first != nullptr) next_ = loop_.at(*first->health.probe_due_ns(), [this] { probe_next(); });
}

void DeviceWatch::probe_next() {
  const PoolDevice* device = first_due(devices_);
  if (device == nullptr || *device->health.probe_due_ns() > now_ns()) return plan();
  if (device->health.state() == Health::ok && has_worked(*device)) {
    note(device->index, [](DeviceHealth& health) { return health.worked(now_ns()), false; });
    if (*device->health.probe_due_ns() > now_ns()) return;
  }
  probe(*device);
}

// Since the last time that this was asked.
bool DeviceWatch::has_worked(const PoolDevice& device) {
  const std::uint64_t done = work_done_(device.index);
  return std::exchange(work_seen_[device.index], done) < done;
}

void DeviceWatch::probe(const PoolDevice& device) {
  const WorkerDevice place = worker_device(device);
  next_.reset();
  probing_ = workers_.lend_number();
  discovery_.start(
      *probing_, settings_.probe_ns_max,
      [this, index = device.index](const Result<std::vector<wire::DeviceTraits>>& found) { probed(index, found); },
      &place);
}

void DeviceWatch::probed(std::uint32_t device, const Result<std::vector<wire::DeviceTraits>>& found) {
  workers_.return_number(*probing_);
  probing_.reset();
  const auto& uuid = devices_.find(device)->traits.uuid;
  note(device, [&](DeviceHealth& health) {
    if (!found.ok()) return health.probe_failed(found.status().message(), now_ns());
    if (found.value().empty()) return health.not_listed("its driver does not list it any more", now_ns());
    const auto& seen = found.value().front().uuid;
    if (!std::equal(std::begin(uuid), std::end(uuid), std::begin(seen)))
      return health.not_listed("another device is in its place", now_ns());
    return health.probe_succeeded(now_ns());
  });
}

}  // namespace sluice::server
