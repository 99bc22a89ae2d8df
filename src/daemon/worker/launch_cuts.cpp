#include "daemon/worker/launch_cuts.h"

#include <algorithm>

#include "base/contract.h"

namespace sluice::worker {
namespace {

// Where no local size says what stays together: along the fastest dimension, and what a work-group may have at least.
constexpr std::uint64_t row_unit = 256;
constexpr std::uint64_t group_items = 64;

// How many steps along dimension `cut` it takes to have a work-group for each compute unit.
std::uint64_t steps_for(const wire::KernelLaunch& launch, std::uint32_t cut, std::uint64_t unit, std::uint64_t units) {
  const bool local_given = launch.local_size[0] != 0;
  unsigned __int128 groups = 1;  // in one step
  for (std::uint32_t i = 0; i < std::min(launch.dimensions, 3u); ++i) {
    const std::uint64_t items = i == cut ? unit : launch.global_size[i];
    groups *= local_given ? items / launch.local_size[i] : items;
  }
  if (!local_given) groups /= group_items;
  const auto in_step = static_cast<std::uint64_t>(std::clamp<unsigned __int128>(groups, 1, units));
  return (units + in_step - 1) / in_step;
}

}  // namespace

CutLaunch plan_cut(const wire::KernelLaunch& launch, backend::Divisible divisible, std::uint32_t compute_units) {
  using backend::Divisible;
  const bool local_given = launch.local_size[0] != 0;
  if (divisible == Divisible::never || (divisible == Divisible::if_local_size_given && !local_given)) return {};
  for (std::uint32_t i = std::min(launch.dimensions, 3u); i-- > 0;) {
    const std::uint64_t unit = local_given ? launch.local_size[i] : i == 0 ? row_unit : 1;
    const std::uint64_t whole = launch.global_size[i];
    // A remainder would be a smaller work-group of its own.
    if (local_given && (unit == 0 || whole % unit != 0)) return {};
    if (whole <= unit) continue;
    const std::uint64_t together = unit * steps_for(launch, i, unit, std::max(compute_units, 1u));
    return whole > together ? CutLaunch{i, together, whole, 0} : CutLaunch{};
  }
  return {};
}

LaunchPiece next_piece(const CutLaunch& cut, Nanoseconds piece_ns, Nanoseconds whole_ns) {
  SLUICE_REQUIRE(cut.unit > 0 && cut.done <= cut.whole);
  const std::uint64_t left = cut.whole - cut.done;
  LaunchPiece piece{cut.dimension, cut.done, left};
  if (piece_ns == 0 || whole_ns <= piece_ns) return piece;
  const auto items = static_cast<std::uint64_t>(static_cast<unsigned __int128>(cut.whole) * piece_ns / whole_ns);
  const std::uint64_t wanted = std::max((items + cut.unit / 2) / cut.unit, std::uint64_t{1}) * cut.unit;
  if (wanted + wanted / 2 < left) piece.items = wanted;
  return piece;
}

Nanoseconds part_of(Nanoseconds whole_ns, std::uint64_t items, std::uint64_t all) {
  return static_cast<Nanoseconds>(static_cast<unsigned __int128>(whole_ns) * items / all);
}

}  // namespace sluice::worker
