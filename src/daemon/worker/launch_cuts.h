// Cutting a launch along its NDRange: pure arithmetic.
//
// A piece is a range of whole work-groups along the slowest dimension that has more than one, launched with a global
// offset, so that every work-item has the ids it would have had. Whether a kernel can tell is the backend's to say
// (backend::Divisible).
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "daemon/backends/backend.h"
#include "wire/commands.h"

namespace sluice::worker {

// Some of a launch's work-items: a range along one dimension.
struct LaunchPiece {
  std::uint32_t dimension = 0;
  std::uint64_t first = 0, items = 0;
};

// How a launch is cut, and how far it has come.
struct CutLaunch {
  std::uint32_t dimension = 0;
  std::uint64_t unit = 0;   // work-items along the dimension that stay together; 0: it is not to be cut
  std::uint64_t whole = 0;  // work-items along the dimension
  std::uint64_t done = 0;   // in pieces that were taken
};

// A piece has work for all of the device's `compute_units`, as far as the launch has.
CutLaunch plan_cut(const wire::KernelLaunch& launch, backend::Divisible divisible, std::uint32_t compute_units = 1);

// The next piece, of about `piece_ns` where the whole launch takes `whole_ns`; all that is left if piece_ns is 0 or
// what would be left after it is not worth a launch. Does not advance `cut`. REQUIRES: cut.unit > 0.
LaunchPiece next_piece(const CutLaunch& cut, Nanoseconds piece_ns, Nanoseconds whole_ns);

// whole_ns * items / all, without overflow.
Nanoseconds part_of(Nanoseconds whole_ns, std::uint64_t items, std::uint64_t all);

}  // namespace sluice::worker
