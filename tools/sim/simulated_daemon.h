// SimulatedDaemon: does with a pool what the daemon does: it learns from the requests that arrive, and places them.
// Beyond that it moves slices where a request fits nowhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "allocator/defragmenter.h"
#include "allocator/placer.h"
#include "allocator/planner.h"

namespace sluice::sim {

struct Rescues {
  std::uint64_t requests = 0, milli = 0;  // placed only because slices were moved
  std::uint64_t moves = 0;
  std::uint64_t background_moves = 0;  // made while no request was waiting
  std::vector<std::uint32_t> plan_ns;  // processor time of each search for a plan
};

inline constexpr std::size_t background_every = 16;

std::uint64_t cpu_ns();  // processor time of this thread

class SimulatedDaemon {
 public:
  // `known`: the forecast, if it is not to be learnt; else null. REQUIRES: all outlive it.
  SimulatedDaemon(allocator::Pool& pool, const allocator::Policy& policy, std::size_t moves,
                  const allocator::DemandForecast* known);

  // Moves at most so many slices after every background_every arrivals, though no request is waiting.
  void allow_background_moves(std::size_t moves) { background_.moves_max = moves; }

  // REQUIRES: the slice is placed.
  void depart(allocator::SliceId id);

  // Whether the request was placed.
  bool arrive(allocator::SliceId id, const allocator::Request& request, std::uint64_t draw);

  // Whether the slice could be resized where it is.
  bool resize(allocator::SliceId id, const allocator::Request& to);

  // Keeps the explanations of the next `count` refused requests. REQUIRES: the names outlive it.
  void explain(std::size_t count, std::span<const std::string> class_names);

  const Rescues& rescues() const { return rescues_; }
  const std::vector<std::uint32_t>& decision_ns() const { return decision_ns_; }
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  std::optional<allocator::Site> rescue(const allocator::Request& request);
  void defragment();
  void make(const std::vector<allocator::Move>& moves);

  allocator::Pool& pool_;
  allocator::Placer placer_;
  allocator::Planner planner_;
  allocator::Defragmenter defragmenter_;
  allocator::DefragmentationBudget background_;
  allocator::PlanLimits limits_;
  Rescues rescues_;
  std::vector<std::uint32_t> decision_ns_;
  std::uint64_t arrivals_ = 0;
  std::size_t reasons_max_ = 0;
  std::span<const std::string> class_names_;
  std::vector<std::string> reasons_;
};

}  // namespace sluice::sim
