// Operator: does with a pool what the daemon does. It learns from what arrives, places it, and has slices moved where a
// request fits nowhere.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "allocator/chooser.h"
#include "allocator/planner.h"

namespace sluice::sim {

struct Rescues {
  std::uint64_t requests = 0, milli = 0;  // that had a place only because slices were moved
  std::uint64_t moves = 0;
  std::vector<std::uint32_t> plan_ns;  // processor time of each plan, made or not
};

std::uint64_t cpu_ns();  // processor time of this thread

class Operator {
 public:
  // `known`: what is typical, if it is not to be learnt. REQUIRES: all outlive it.
  Operator(allocator::Pool& pool, const allocator::Policy& policy, std::size_t moves, const allocator::Outlook* known);

  // Whether it has a place.
  bool arrive(allocator::SliceId id, const allocator::Request& request, std::uint64_t draw);

  const allocator::Outlook& outlook() const { return known_ != nullptr ? *known_ : learnt_; }
  const Rescues& rescues() const { return rescues_; }
  const std::vector<std::uint32_t>& decision_ns() const { return decision_ns_; }

 private:
  std::optional<allocator::Site> rescue(const allocator::Request& request);

  allocator::Pool& pool_;
  allocator::Chooser chooser_;
  allocator::Planner planner_;
  allocator::PlanLimits limits_;
  const allocator::Outlook* known_;
  allocator::RequestHistory history_;
  allocator::Outlook learnt_;
  Rescues rescues_;
  std::vector<std::uint32_t> decision_ns_;
};

}  // namespace sluice::sim
