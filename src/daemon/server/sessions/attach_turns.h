// AttachTurns: which of the programs that wait for a worker of a device is served next. Pure.
//
// Tenants take turns, however many programs of each wait. One that has busy_max sessions coming or going waits until
// some of them have come or gone. And a tenant that comes and goes all the time leaves the last ready worker to others,
// so that they need not wait for one to start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include "base/clock.h"
#include "daemon/server/runtime/token_buckets.h"

namespace sluice::server {

class AttachTurns {
 public:
  static constexpr std::size_t busy_max = 4;
  static constexpr std::uint32_t prompt_per_s = 1,
                                 prompt_at_once = 8;  // attaches at which a tenant gets the last worker

  // reserve: whether one ready worker is left to those who come seldom; false where no more than one is kept.
  explicit AttachTurns(bool reserve) : reserve_(reserve) {}

  // Of programs of these tenants, in the order of their coming, the index of the one that gets one of `ready` workers.
  // Nothing: none of them may now. `busy`: how many sessions of a tenant are coming or going.
  std::optional<std::size_t> next(std::span<const std::uint64_t> tenants, std::size_t ready,
                                  const std::function<std::size_t(std::uint64_t tenant)>& busy, Nanoseconds now);

 private:
  static constexpr std::size_t served_max = 4096;
  std::uint64_t last_turn(std::uint64_t tenant) const;

  bool reserve_;
  TokenBuckets prompt_{prompt_per_s, prompt_at_once};
  std::map<std::uint64_t, std::uint64_t> served_;  // by tenant: the number of its last turn
  std::uint64_t turns_ = 0;
};

}  // namespace sluice::server
