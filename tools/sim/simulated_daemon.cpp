#include "tools/sim/simulated_daemon.h"

#include <cstdlib>
#include <ctime>

#include "allocator/explanation.h"

namespace sluice::sim {

using namespace allocator;

std::uint64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

SimulatedDaemon::SimulatedDaemon(Pool& pool, const Policy& policy, std::size_t moves, const DemandForecast* known)
    : pool_(pool),
      chooser_(pool, policy),
      planner_(pool, policy, chooser_),
      defragmenter_(pool, chooser_, planner_),
      known_(known) {
  limits_.moves_max = moves;
  if (!policy.heeds_turnover) {
    RequestHistory::Settings settings;
    settings.turnover_weight = 0;
    history_ = RequestHistory(settings);
  }
  background_.moves_max = 0;
}

bool SimulatedDaemon::arrive(SliceId id, const Request& request, std::uint64_t draw) {
  if (background_.moves_max > 0 && ++arrivals_ % background_every == 0) defragment();
  const std::uint64_t begun_ns = cpu_ns();
  history_.arrived(request);
  if (known_ == nullptr && history_.due()) learnt_ = history_.forecast(pool_);
  auto site = chooser_.choose(request, forecast(), draw);
  decision_ns_.push_back(static_cast<std::uint32_t>(cpu_ns() - begun_ns));
  if (!site && limits_.moves_max > 0) site = rescue(request);
  if (!site && reasons_.size() < reasons_max_)
    reasons_.push_back(allocator::explain(pool_, request, std::nullopt, class_names_).reason);
  return site && pool_.place(id, request, *site).ok();
}

void SimulatedDaemon::explain(std::size_t count, std::span<const std::string> class_names) {
  reasons_max_ = reasons_.size() + count;
  class_names_ = class_names;
}

void SimulatedDaemon::depart(SliceId id) {
  if (!pool_.release(id).ok()) std::abort();
  history_.departed();
}

void SimulatedDaemon::defragment() {
  for (const Move& move : defragmenter_.plan(forecast(), background_).moves) {
    if (!pool_.move(move.slice, move.to).ok()) std::abort();  // the moves of a plan are possible, in order
    ++rescues_.background_moves;
  }
}

std::optional<Site> SimulatedDaemon::rescue(const Request& request) {
  const std::uint64_t begun_ns = cpu_ns();
  const auto plan = planner_.plan(request, forecast(), limits_);
  rescues_.plan_ns.push_back(static_cast<std::uint32_t>(cpu_ns() - begun_ns));
  if (!plan) return std::nullopt;
  for (const Move& move : plan->moves)
    if (!pool_.move(move.slice, move.to).ok()) std::abort();  // the moves of a plan are possible, in order
  ++rescues_.requests;
  rescues_.milli += shape_of(request).total_milli();
  rescues_.moves += plan->moves.size();
  return plan->site;
}

}  // namespace sluice::sim
