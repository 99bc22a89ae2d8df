// DeviceHealth: whether a device can be relied on, by what has happened on it. Pure: time is handed in.
//
//   ok       everything works
//   suspect  something failed that may be the device's fault, or not; a probe is to tell. It takes slices
//   failed   workers could not be started several times in a row, or probes fail. It takes no new slices
//   gone     the driver does not list it any more. It takes no new slices
//
// What a worker does once it has a session may be its tenant's doing, a crash too: that makes a device suspect and no
// more. Starts and probes run no tenant's code: only they can fail a device.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"

namespace sluice::server {

enum class Health : std::uint8_t { ok, suspect, failed, gone };
const char* health_name(Health health);  // as people read it: "ok", ...

class DeviceHealth {
 public:
  static constexpr std::uint32_t failed_starts_max =
      3;  // in a row, each within failures_forgotten_ns of the one before
  static constexpr std::uint32_t failed_probes_max = 2;  // in a row
  static constexpr std::size_t crashes_max = 3;          // within crash_window_ns
  static constexpr std::uint32_t put_off_max = 10;       // intervals between probes, while sessions work
  static constexpr Nanoseconds failures_forgotten_ns = 120 * ns_per_s;
  static constexpr Nanoseconds crash_window_ns = 60 * ns_per_s;
  // From one probe of a device in doubt to the next; of one that does not answer, twice as long each time.
  static constexpr Nanoseconds doubt_probe_ns = 2 * ns_per_s;
  static constexpr Nanoseconds failed_probe_ns_max = 60 * ns_per_s;

  // probe_every_ns: a device that is ok is probed when nothing has shown for so long that it works; 0: never.
  explicit DeviceHealth(Nanoseconds probe_every_ns = 0, Nanoseconds now = 0)
      : probe_every_ns_(probe_every_ns), seen_ns_(now) {}

  // ---- what has happened. True: state() is another now ----
  bool start_failed(const std::string& reason, Nanoseconds now);
  bool started(Nanoseconds now);  // a worker has opened the device, and waits for a session
  // The process of a worker that had a session ended, and nobody had told it to.
  bool crashed(const std::string& reason, Nanoseconds now);
  // Sessions get work done on it, as their workers say. Their word puts off a probe, but not for ever.
  void worked(Nanoseconds now);
  bool probe_succeeded(Nanoseconds now);
  bool probe_failed(const std::string& reason, Nanoseconds now);
  bool not_listed(const std::string& reason, Nanoseconds now);  // the probe did not find it

  // ---- what follows ----
  Health state() const { return state_; }
  const std::string& reason() const { return reason_; }  // empty while it is ok
  Nanoseconds since_ns() const { return since_ns_; }
  bool takes_slices() const { return state_ == Health::ok || state_ == Health::suspect; }
  // When it is to be probed next; nothing: not before something happens.
  std::optional<Nanoseconds> probe_due_ns() const;

 private:
  bool become(Health state, std::string reason, Nanoseconds now);

  Nanoseconds probe_every_ns_;
  Health state_ = Health::ok;
  std::string reason_;
  Nanoseconds since_ns_ = 0;
  Nanoseconds seen_ns_ = 0;  // when it was last seen to work, by what runs no tenant's code
  Nanoseconds worked_ns_ = 0;
  std::optional<Nanoseconds> probed_ns_;  // when the last probe ended
  std::uint32_t failed_starts_ = 0, failed_probes_ = 0;
  Nanoseconds start_failed_ns_ = 0;
  std::deque<Nanoseconds> crashes_;
};

}  // namespace sluice::server
