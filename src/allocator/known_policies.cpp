#include "allocator/known_policies.h"

#include <algorithm>
#include <array>
#include <bit>

namespace sluice::allocator {
namespace {

using Wide = __int128;

constexpr std::int64_t points = 100;

// SplitMix64 (Steele, Lea, Flood 2014): mixes the bits of a number well.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
  return value ^ (value >> 31);
}

std::uint64_t gpu_free(const NodeView& view) {
  std::uint64_t sum = 0;
  for (const Device& device : view.devices) sum += device.milli_free;
  return sum;
}

// The devices of the lowest rank, if any fits: rank(device) for a share, the first ones for whole devices.
template <typename Rank>
std::optional<DeviceMask> devices_by(const RatingQuery& query, Rank rank) {
  const NodeView view = query.pool.view(query.node);
  std::optional<DeviceMask> best;
  std::uint64_t best_rank = 0;
  for_each_choice(query, [&](DeviceMask mask) {
    const std::uint64_t here = mask == 0 ? 0 : rank(view.devices[static_cast<unsigned>(std::countr_zero(mask))], mask);
    if (best && here >= best_rank) return;
    best = mask;
    best_rank = here;
  });
  return best;
}

std::optional<DeviceMask> tightest(const RatingQuery& query) {
  return devices_by(query, [](const Device& device, DeviceMask) { return device.milli_free; });
}

// 100 * (a / a_max + b / b_max) / 2, rounded down. A maximum of 0 counts as full.
std::int64_t mean_points(Wide a, Wide a_max, Wide b, Wide b_max) {
  a_max = std::max<Wide>(a_max, 1);
  b_max = std::max<Wide>(b_max, 1);
  return static_cast<std::int64_t>(points * (a * b_max + b * a_max) / (2 * a_max * b_max));
}

// What the node has left afterwards, in points of the largest node, rounded up: 100 minus the rounded-down score.
std::int64_t left_points(const RatingQuery& query) {
  const NodeView view = query.pool.view(query.node);
  const Wide cpu_max = std::max<std::uint64_t>(query.pool.totals().largest_node_cpu_milli, 1);
  const Wide gpu_max = std::max<std::uint64_t>(query.pool.totals().largest_node_gpu_milli, 1);
  const Wide used = (cpu_max - (view.node.cpu_free - query.shape.cpu_milli)) * gpu_max +
                    (gpu_max - (gpu_free(view) - query.shape.total_milli())) * cpu_max;
  return points - static_cast<std::int64_t>(points * used / (2 * cpu_max * gpu_max));
}

}  // namespace

std::optional<Rating> rate_random(const RatingQuery& query) {
  const auto devices =
      devices_by(query, [&](const Device&, DeviceMask mask) { return mix(query.draw ^ mix(mask + query.node)); });
  if (!devices) return std::nullopt;
  return Rating{static_cast<std::int64_t>(mix(query.draw + mix(query.node)) >> 1), *devices};
}

std::optional<Rating> rate_first_fit(const RatingQuery& query) {
  const auto devices = devices_by(query, [](const Device&, DeviceMask) { return 0; });
  return devices ? std::optional(Rating{0, *devices}) : std::nullopt;
}

std::optional<Rating> rate_best_fit(const RatingQuery& query) {
  const auto devices = tightest(query);
  return devices ? std::optional(Rating{left_points(query), *devices}) : std::nullopt;
}

std::optional<Rating> rate_worst_fit(const RatingQuery& query) {
  const auto devices =
      devices_by(query, [](const Device& device, DeviceMask) { return ~std::uint64_t{0} - device.milli_free; });
  return devices ? std::optional(Rating{-left_points(query), *devices}) : std::nullopt;
}

std::optional<Rating> rate_dot_product(const RatingQuery& query) {
  const auto devices = tightest(query);
  if (!devices) return std::nullopt;
  const NodeView view = query.pool.view(query.node);
  const Wide cpu_max = query.pool.totals().largest_node_cpu_milli, gpu_max = query.pool.totals().largest_node_gpu_milli;
  const std::int64_t product = mean_points(Wide{view.node.cpu_free} * query.shape.cpu_milli, cpu_max * cpu_max,
                                           Wide{gpu_free(view)} * query.shape.total_milli(), gpu_max * gpu_max);
  return Rating{product, *devices};
}

std::optional<Rating> rate_packing(const RatingQuery& query) {
  const auto devices = tightest(query);
  if (!devices) return std::nullopt;
  if (*devices == 0) return Rating{0, 0};
  const NodeView view = query.pool.view(query.node);
  std::int64_t idle = 0, idle_taken = 0, free_tenths = 0;
  for (unsigned i = 0; i < view.devices.size(); ++i) {
    const Device& device = view.devices[i];
    const bool is_idle = device.milli_free == device.milli_total, taken = (*devices >> i & 1) != 0;
    idle += is_idle;
    idle_taken += taken && is_idle;
    if (taken) free_tenths += device.milli_free * points / std::max(device.milli_total, 1u) / 10;
  }
  std::int64_t score = std::max(points - free_tenths, points / 2);
  if (idle == static_cast<std::int64_t>(view.devices.size())) score = std::max(points / 3 - idle, idle);
  else if (idle_taken > 0) score = std::max(points / 2 - idle_taken, points / 3);
  return Rating{-score, *devices};
}

namespace {

// The score is 100 * sigmoid(gain / 1000) rounded down, so it is at least 50 + k from a gain of 1000 * ln((50 + k) /
// (50 - k)) on: those, in thousandths of a milli-GPU, for k from 0 to 49.
constexpr std::array<std::int64_t, 50> gain_of_point = {
    0,       40005,   80043,   120144,  160343,  200671,  241162,  281851,  322773,  363965,  405465,  447312,  489548,
    532217,  575364,  619039,  663294,  708185,  753772,  800119,  847298,  895384,  944462,  994623,  1045969, 1098612,
    1152680, 1208311, 1265666, 1324925, 1386294, 1450010, 1516347, 1585627, 1658228, 1734601, 1815290, 1900959, 1992430,
    2090741, 2197225, 2313635, 2442347, 2586689, 2751535, 2944439, 3178054, 3476099, 3891820, 4595120};

std::int64_t sigmoid_points(std::int64_t gain_parts) {
  const Wide gain = Wide{gain_parts} * 1000;  // thousandths of a milli-GPU, in parts of the whole
  const auto reached = [&](std::int64_t threshold, Wide value) {
    return value >= Wide{threshold} * DemandForecast::whole;
  };
  std::int64_t k = 0;
  if (gain >= 0) {
    while (k + 1 < 50 && reached(gain_of_point[static_cast<std::size_t>(k) + 1], gain)) ++k;
    return 50 + k;
  }
  // Rounded down, so a loss just past a threshold is a point less.
  while (k < 50 && -gain > Wide{gain_of_point[static_cast<std::size_t>(k)]} * DemandForecast::whole) ++k;
  return 50 - k;
}

}  // namespace

std::optional<Rating> rate_fragmentation_gradient(const RatingQuery& query) {
  const auto before = static_cast<std::int64_t>(query.fragmentation.now());
  std::optional<Rating> best;
  for_each_choice(query, [&](DeviceMask devices) {
    const auto after = static_cast<std::int64_t>(query.fragmentation.after(query.shape, devices));
    const std::int64_t cost = -sigmoid_points(before - after);
    if (!best || cost < best->cost) best = Rating{cost, devices};
  });
  return best;
}

}  // namespace sluice::allocator
