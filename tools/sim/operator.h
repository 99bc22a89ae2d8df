// Operator: does with a pool what the daemon does. It learns from what arrives, places it, and has slices moved where a
// request fits nowhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "allocator/chooser.h"
#include "allocator/defragmenter.h"
#include "allocator/planner.h"

namespace sluice::sim {

struct Rescues {
  std::uint64_t requests = 0, milli = 0;  // that had a place only because slices were moved
  std::uint64_t moves = 0;
  std::uint64_t background_moves = 0;  // made though nobody was stuck
  std::vector<std::uint32_t> plan_ns;  // processor time of each plan, made or not
};

inline constexpr std::size_t background_every = 16;

std::uint64_t cpu_ns();  // processor time of this thread

class Operator {
 public:
  // `known`: what is typical, if it is not to be learnt. REQUIRES: all outlive it.
  Operator(allocator::Pool& pool, const allocator::Policy& policy, std::size_t moves, const allocator::Outlook* known);

  // After every background_every arrivals, at most so many slices are moved though nobody is stuck.
  void allow_background_moves(std::size_t moves) { background_.moves_max = moves; }

  // REQUIRES: it has a place.
  void depart(allocator::SliceId id);

  // Whether it has a place.
  bool arrive(allocator::SliceId id, const allocator::Request& request, std::uint64_t draw);

  // From now on, keeps a sentence for each of the next `count` requests that have no place. REQUIRES: the names outlive
  // it.
  void explain(std::size_t count, std::span<const std::string> class_names);

  const allocator::Outlook& outlook() const { return known_ != nullptr ? *known_ : learnt_; }
  const Rescues& rescues() const { return rescues_; }
  const std::vector<std::uint32_t>& decision_ns() const { return decision_ns_; }
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  std::optional<allocator::Site> rescue(const allocator::Request& request);
  void defragment();

  allocator::Pool& pool_;
  allocator::Chooser chooser_;
  allocator::Planner planner_;
  allocator::Defragmenter defragmenter_;
  allocator::DefragmentationBudget background_;
  allocator::PlanLimits limits_;
  const allocator::Outlook* known_;
  allocator::RequestHistory history_;
  allocator::Outlook learnt_;
  Rescues rescues_;
  std::vector<std::uint32_t> decision_ns_;
  std::uint64_t arrivals_ = 0;
  std::size_t reasons_max_ = 0;
  std::span<const std::string> class_names_;
  std::vector<std::string> reasons_;
};

}  // namespace sluice::sim
