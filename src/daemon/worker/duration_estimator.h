// DurationEstimator: how long commands are expected to take on the device, learnt from how long they took.
//
// A launch is looked up by kernel, sizes and arguments. For a launch that was never seen with these, the estimate per
// work-item is the largest that its kernel took lately: so it is rather cut too finely than not at all. For a kernel
// that never ran, the estimate is `unknown_ns`.
// Fixed tables without locks: two launches with one table entry disturb each other's estimate, and nothing else.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"

namespace sluice::worker {

// What a command's duration is kept under. Zero items: not a launch, and nothing is learnt from it.
struct DurationKey {
  std::uint64_t launch = 0;  // a hash of everything
  std::uint32_t kernel = 0;  // a hash of the kernel's id
  std::uint64_t items = 0;
};

DurationKey duration_key(std::uint64_t kernel_id, std::uint64_t items, std::span<const std::byte> sizes,
                         std::span<const std::byte> arguments = {});

class DurationEstimator {
 public:
  // So long that it goes alone, or nearly: there may be more like it.
  static constexpr Nanoseconds unknown_ns = 10 * ns_per_ms;

  Nanoseconds estimate(const DurationKey& key) const;
  // Any thread.
  void note(const DurationKey& key, Nanoseconds took_ns);
  // What was learnt, for another worker of devices as fast; it learns on from there. False: not what save() made.
  std::vector<std::uint64_t> save() const;
  bool restore(std::span<const std::uint64_t> saved);
  // A transfer's, by what memory does at least.
  static Nanoseconds of_transfer(std::uint64_t bytes) { return 2 * ns_per_us + bytes / 4; }

 private:
  // An entry of `launches_` holds the hash's upper half beside the time, which tells most other launches apart.
  static constexpr std::uint64_t time_bits = 40;
  std::array<std::atomic<std::uint64_t>, 2048> launches_{};
  std::array<std::atomic<std::uint64_t>, 512> item_ps_{};  // picoseconds a work-item, by kernel; the most of late
};

}  // namespace sluice::worker
