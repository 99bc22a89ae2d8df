#include "allocator/openness.h"

namespace sluice::allocator {

void Openness::look(NodeIndex node, const Outlook& outlook) {
  const NodeView view = pool_.view(node);
  Fitting& fitting = nodes_[node];
  for (std::size_t i = 0; i < outlook.typical.size(); ++i) {
    const bool fits = node_fits(view, outlook.typical[i].shape);
    if (fits == fitting[i]) continue;
    fitting[i] = fits;
    counts_[i] += fits ? 1 : -1u;
  }
}

void Openness::catch_up(const Outlook& outlook) {
  const bool anew = !looked_ || epoch_ != outlook.epoch || seen_ < pool_.changes_begin();
  if (anew) {
    nodes_.assign(pool_.node_count(), Fitting());
    counts_.fill(0);
    parts_.fill(0);
    for (std::size_t i = 0; i < outlook.typical.size(); ++i) parts_[i] = outlook.typical[i].parts;
    for (NodeIndex node = 0; node < pool_.node_count(); ++node) look(node, outlook);
  } else {
    for (; seen_ < pool_.changes_end(); ++seen_) look(pool_.change(seen_), outlook);
  }
  seen_ = pool_.changes_end();
  epoch_ = outlook.epoch;
  looked_ = true;
}

Openness::Fitting Openness::open() const {
  Fitting open;
  for (std::size_t i = 0; i < typical_max; ++i) open[i] = counts_[i] > 0;
  return open;
}

std::uint32_t Openness::share() const {
  std::uint32_t share = 0;
  for (std::size_t i = 0; i < typical_max; ++i)
    if (counts_[i] > 0) share += parts_[i];
  return share;
}

}  // namespace sluice::allocator
