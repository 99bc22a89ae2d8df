#include "daemon/worker/duration_estimator.h"

#include <algorithm>
#include <cstring>

namespace sluice::worker {
namespace {

constexpr std::uint64_t time_max = (1ull << 40) - 1;  // 18 minutes
constexpr std::uint64_t launches_remembered =
    4096;  // of a kernel's longest, a part as small as this is forgotten with each launch

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 29);
}

std::uint64_t tag_of(std::uint64_t hash) { return hash >> 40; }

}  // namespace

DurationKey duration_key(std::uint64_t kernel_id, std::uint64_t items, std::span<const std::byte> sizes,
                         std::span<const std::byte> arguments) {
  std::uint64_t hash = mix(items, kernel_id);
  for (const auto part : {sizes, arguments})
    for (std::size_t at = 0; at + 8 <= part.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, part.data() + at, sizeof word);
      hash = mix(hash, word);
    }
  return {hash, static_cast<std::uint32_t>(mix(1, kernel_id)), std::max<std::uint64_t>(items, 1)};
}

Nanoseconds DurationEstimator::estimate(const DurationKey& key) const {
  const std::uint64_t seen = launches_[key.launch % launches_.size()].load(std::memory_order_relaxed);
  if (seen != 0 && seen >> time_bits == tag_of(key.launch)) return seen & time_max;
  const std::uint64_t item_ps = item_ps_[key.kernel % item_ps_.size()].load(std::memory_order_relaxed);
  if (item_ps == 0) return unknown_ns;
  const auto whole = static_cast<unsigned __int128>(item_ps) * key.items / 1000;
  return static_cast<Nanoseconds>(std::min<unsigned __int128>(whole, time_max));
}

void DurationEstimator::note(const DurationKey& key, Nanoseconds took_ns) {
  const Nanoseconds took = std::clamp<Nanoseconds>(took_ns, 1, time_max);
  auto& launch = launches_[key.launch % launches_.size()];
  const std::uint64_t seen = launch.load(std::memory_order_relaxed);
  const bool known = seen != 0 && seen >> time_bits == tag_of(key.launch);
  const Nanoseconds now = known ? ((seen & time_max) + took) / 2 : took;
  launch.store(tag_of(key.launch) << time_bits | std::max<Nanoseconds>(now, 1), std::memory_order_relaxed);
  auto& item = item_ps_[key.kernel % item_ps_.size()];
  const std::uint64_t before = item.load(std::memory_order_relaxed);
  const std::uint64_t took_ps = std::max<std::uint64_t>(took * 1000 / key.items, 1);
  item.store(std::max(took_ps, before - before / launches_remembered), std::memory_order_relaxed);
}

std::vector<std::uint64_t> DurationEstimator::save() const {
  std::vector<std::uint64_t> saved;
  saved.reserve(launches_.size() + item_ps_.size());
  for (const auto& launch : launches_) saved.push_back(launch.load(std::memory_order_relaxed));
  for (const auto& item : item_ps_) saved.push_back(item.load(std::memory_order_relaxed));
  return saved;
}

bool DurationEstimator::restore(std::span<const std::uint64_t> saved) {
  if (saved.size() != launches_.size() + item_ps_.size()) return false;
  for (std::size_t i = 0; i < launches_.size(); ++i) launches_[i].store(saved[i], std::memory_order_relaxed);
  for (std::size_t i = 0; i < item_ps_.size(); ++i)
    item_ps_[i].store(saved[launches_.size() + i], std::memory_order_relaxed);
  return true;
}

}  // namespace sluice::worker
