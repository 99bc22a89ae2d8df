// Fragmentation: how much of what is free on a node typical requests could not use. After Weng et al., "Beware of
// Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX ATC 2023, section 3.
//
// A request that does not fit the node could use nothing of it; one that fits, nothing of devices too full for it. What
// is said of one request is averaged over all typical ones. Of our own: one that wants linked devices fits where a link
// group has enough of them.
#pragma once

#include <cstdint>

#include "allocator/outlook.h"
#include "allocator/pool.h"

namespace sluice::allocator {

// One node against one outlook, to ask what a placement would do. It holds for the version of the node and the epoch of
// the outlook that it was made from. REQUIRES: both outlive it.
class Fragmentation {
 public:
  Fragmentation(const NodeView& view, const Outlook& outlook);

  bool holds_for(const NodeView& view, const Outlook& outlook) const {
    return view.node.version == version_ && outlook.epoch == epoch_;
  }

  // Milli-GPU, in parts of Outlook::whole.
  std::uint64_t now() const { return now_; }
  // If `shape` took `devices` (and CPU) of the node. REQUIRES: it fits there.
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
  bool grouped_;               // the devices are of several link groups, and somebody cares
  Column fitting_, too_full_;  // by typical request: devices that fit it, and the milli-GPU of those that do not
};

}  // namespace sluice::allocator
