#include "tools/sim/simulated_daemon.h"

#include <ctime>

#include "allocator/explanation.h"
#include "base/contract.h"

namespace sluice::sim {

using namespace allocator;

std::uint64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

SimulatedDaemon::SimulatedDaemon(Pool& pool, const Policy& policy, std::size_t moves, const DemandForecast* known)
    : pool_(pool),
      placer_(pool, policy, known),
      planner_(pool, policy, placer_.chooser()),
      defragmenter_(pool, placer_.chooser(), planner_) {
  limits_.moves_max = moves;
  background_.moves_max = 0;
}

bool SimulatedDaemon::arrive(SliceId id, const Request& request, std::uint64_t draw) {
  if (background_.moves_max > 0 && ++arrivals_ % background_every == 0) defragment();
  const std::uint64_t begun_ns = cpu_ns();
  auto site = placer_.choose(request, draw);
  decision_ns_.push_back(static_cast<std::uint32_t>(cpu_ns() - begun_ns));
  if (!site && limits_.moves_max > 0) site = rescue(request);
  if (!site && reasons_.size() < reasons_max_)
    reasons_.push_back(allocator::explain(pool_, request, std::nullopt, class_names_).reason);
  return site && pool_.place(id, request, *site).ok();
}

bool SimulatedDaemon::resize(SliceId id, const Request& to) { return pool_.resize(id, to).ok(); }

void SimulatedDaemon::explain(std::size_t count, std::span<const std::string> class_names) {
  reasons_max_ = reasons_.size() + count;
  class_names_ = class_names;
}

void SimulatedDaemon::depart(SliceId id) {
  const Status done = pool_.release(id);
  SLUICE_INVARIANT(done.ok());
  placer_.departed();
}

void SimulatedDaemon::defragment() {
  const DefragmentationPlan plan = defragmenter_.plan(placer_.forecast(), background_);
  make(plan.moves);
  rescues_.background_moves += plan.moves.size();
}

void SimulatedDaemon::make(const std::vector<Move>& moves) {
  for (const Move& move : moves) {
    const Status done = pool_.move(move.slice, move.to);
    SLUICE_INVARIANT(done.ok());  // the moves of a plan are possible, in order
  }
}

std::optional<Site> SimulatedDaemon::rescue(const Request& request) {
  const std::uint64_t begun_ns = cpu_ns();
  const auto plan = planner_.plan(request, placer_.forecast(), limits_);
  rescues_.plan_ns.push_back(static_cast<std::uint32_t>(cpu_ns() - begun_ns));
  if (!plan) return std::nullopt;
  make(plan->moves);
  ++rescues_.requests;
  rescues_.milli += shape_of(request).total_milli();
  rescues_.moves += plan->moves.size();
  return plan->site;
}

}  // namespace sluice::sim
