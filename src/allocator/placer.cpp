#include "allocator/placer.h"

namespace sluice::allocator {
namespace {

RequestHistory::Settings history_settings(const Policy& policy) {
  RequestHistory::Settings settings;
  if (!policy.heeds_turnover) settings.turnover_weight = 0;
  return settings;
}

}  // namespace

Placer::Placer(const Pool& pool, const Policy& policy, const DemandForecast* known)
    : pool_(pool), chooser_(pool, policy), known_(known), history_(history_settings(policy)) {}

std::optional<Site> Placer::choose(const Request& request, std::uint64_t draw) {
  learn(request);
  return chooser_.choose(request, forecast(), draw);
}

void Placer::learn(const Request& request) {
  history_.arrived(request);
  if (known_ == nullptr && history_.due()) learnt_ = history_.forecast(pool_);
}

}  // namespace sluice::allocator
