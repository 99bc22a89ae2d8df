// Fragmentation: how much of what is free on a node typical requests could not use. After Weng et al., "Beware of
// Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX ATC 2023, section 3.
//
// A request that does not fit the node can use nothing of it; one that fits can use the devices with enough room for
// it. The amount is averaged over all typical requests. An addition to the paper: a request for linked devices fits
// where one link group has enough of them.
#pragma once

#include <cstdint>

#include "allocator/demand_forecast.h"
#include "allocator/pool.h"

namespace sluice::allocator {

// Of one node under one forecast, now or after a placement. It is valid for one version of the node and one epoch of
// the forecast. REQUIRES: the pool's devices and the forecast outlive it.
class Fragmentation {
 public:
  Fragmentation(const NodeView& view, const DemandForecast& forecast);

  bool holds_for(const NodeView& view, const DemandForecast& forecast) const {
    return view.node.version == version_ && forecast.epoch == epoch_;
  }

  // Milli-GPU, in parts of DemandForecast::whole.
  std::uint64_t now() const { return now_; }
  // After `shape` has taken `devices` and its CPU. REQUIRES: it fits there.
  std::uint64_t after(const Shape& shape, DeviceMask devices) const;

  std::uint64_t gpu_free() const { return gpu_free_; }  // milli, of healthy devices

 private:
  using Column = TypicalTable::Column;

  std::uint64_t unusable(const Column& fitting, const Column& too_full, std::uint64_t cpu_free,
                         std::uint64_t gpu_free) const;
  std::uint64_t after_one(const Device& old, const Device& changed, std::uint64_t cpu_free) const;
  std::uint64_t split_up(const Shape& shape, DeviceMask taken, std::uint64_t cpu_free) const;
  void count(const Device& device, std::uint32_t sign, Column& fitting, Column& too_full) const;

  std::span<const Device> devices_;
  const TypicalTable* table_;
  std::uint64_t epoch_, cpu_free_, gpu_free_ = 0, now_ = 0;
  std::uint64_t version_;
  bool grouped_;               // there are several link groups, and some typical request needs linked devices
  Column fitting_, too_full_;  // by typical request: devices that fit it, and the milli-GPU of those that do not
};

}  // namespace sluice::allocator
