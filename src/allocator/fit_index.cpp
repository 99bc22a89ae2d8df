#include "allocator/fit_index.h"

namespace sluice::allocator {

void FitIndex::look(NodeIndex node, const DemandForecast& forecast) {
  const NodeView view = pool_.view(node);
  Fitting& fitting = nodes_[node];
  for (std::size_t i = 0; i < forecast.typical.size(); ++i) {
    const bool fits = node_fits(view, forecast.typical[i].shape);
    if (fits == fitting[i]) continue;
    fitting[i] = fits;
    counts_[i] += fits ? 1 : -1u;
  }
}

void FitIndex::update(const DemandForecast& forecast) {
  const bool anew = !looked_ || epoch_ != forecast.epoch || seen_ < pool_.changes().begin();
  if (anew) {
    nodes_.assign(pool_.node_count(), Fitting());
    counts_.fill(0);
    parts_.fill(0);
    for (std::size_t i = 0; i < forecast.typical.size(); ++i) parts_[i] = forecast.typical[i].parts;
    for (NodeIndex node = 0; node < pool_.node_count(); ++node) look(node, forecast);
  } else {
    for (; seen_ < pool_.changes().end(); ++seen_) look(pool_.changes()[seen_], forecast);
  }
  seen_ = pool_.changes().end();
  epoch_ = forecast.epoch;
  looked_ = true;
}

FitIndex::Fitting FitIndex::fitting() const {
  Fitting fitting;
  for (std::size_t i = 0; i < typical_max; ++i) fitting[i] = counts_[i] > 0;
  return fitting;
}

std::uint32_t FitIndex::fitting_share() const {
  std::uint32_t share = 0;
  for (std::size_t i = 0; i < typical_max; ++i)
    if (counts_[i] > 0) share += parts_[i];
  return share;
}

}  // namespace sluice::allocator
