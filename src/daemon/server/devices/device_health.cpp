#include "daemon/server/devices/device_health.h"

#include <algorithm>

namespace sluice::server {

const char* health_name(Health health) {
  switch (health) {
    case Health::ok: return "ok";
    case Health::suspect: return "suspect";
    case Health::failed: return "failed";
    case Health::gone: return "gone";
  }
  return "unknown";
}

bool DeviceHealth::become(Health state, std::string reason, Nanoseconds now) {
  if (state == state_) return false;
  state_ = state;
  reason_ = std::move(reason);
  since_ns_ = now;
  return true;
}

bool DeviceHealth::start_failed(const std::string& reason, Nanoseconds now) {
  if (failed_starts_ > 0 && now - start_failed_ns_ > failures_forgotten_ns) failed_starts_ = 0;
  start_failed_ns_ = now;
  ++failed_starts_;
  if (!takes_slices()) return false;
  if (failed_starts_ >= failed_starts_max)
    return become(Health::failed, std::to_string(failed_starts_) + " workers in a row could not be started: " + reason,
                  now);
  return become(Health::suspect, "a worker could not be started: " + reason, now);
}

// One that dies right away counts as a start that failed: so this alone forgets none.
bool DeviceHealth::started(Nanoseconds now) {
  seen_ns_ = now;
  if (takes_slices()) return false;
  failed_probes_ = 0;
  probed_ns_.reset();
  return become(Health::suspect, "it did not work, and a worker could be started again", now);
}

bool DeviceHealth::crashed(const std::string& reason, Nanoseconds now) {
  crashes_.push_back(now);
  while (now - crashes_.front() > crash_window_ns) crashes_.pop_front();
  if (crashes_.size() < crashes_max) return false;
  const std::string count = std::to_string(crashes_.size());
  crashes_.clear();
  if (state_ != Health::ok) return false;
  return become(Health::suspect, count + " workers with sessions ended by themselves within a minute: " + reason, now);
}

void DeviceHealth::worked(Nanoseconds now) { worked_ns_ = now; }

bool DeviceHealth::probe_succeeded(Nanoseconds now) {
  probed_ns_ = seen_ns_ = now;
  failed_probes_ = 0;
  if (!takes_slices()) failed_starts_ = 0;
  return become(Health::ok, "", now);
}

bool DeviceHealth::probe_failed(const std::string& reason, Nanoseconds now) {
  probed_ns_ = now;
  ++failed_probes_;
  const bool fails = failed_probes_ >= failed_probes_max || !takes_slices();
  return become(fails ? Health::failed : Health::suspect, "it cannot be opened: " + reason, now);
}

bool DeviceHealth::not_listed(const std::string& reason, Nanoseconds now) {
  probed_ns_ = now;
  ++failed_probes_;
  return become(Health::gone, reason, now);
}

std::optional<Nanoseconds> DeviceHealth::probe_due_ns() const {
  if (state_ == Health::ok) {
    if (probe_every_ns_ == 0) return std::nullopt;
    return std::min(std::max(seen_ns_, worked_ns_) + probe_every_ns_, seen_ns_ + put_off_max * probe_every_ns_);
  }
  if (!probed_ns_) return since_ns_;
  if (takes_slices()) return *probed_ns_ + doubt_probe_ns;
  constexpr std::uint32_t doublings_max = 8;
  const std::uint32_t doublings = std::min(std::max(failed_probes_, 1u) - 1, doublings_max);
  return *probed_ns_ + std::min(doubt_probe_ns << doublings, failed_probe_ns_max);
}

}  // namespace sluice::server
