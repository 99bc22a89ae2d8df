// Staging: data on its way between the program's memory and the device, through the arena.
//
// For devices whose memory the shim cannot reach, and for transfers that must wait behind other commands. The caller
// allocates room with Progress::make_room, posts the commands, and hands the room to one of these functions, which give
// it back when the command has ended. Thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shim/enqueue.h"
#include "shim/rows.h"

namespace sluice::shim {

// Large transfers go in pieces of this size, so that the program fills one while the device takes another.
inline constexpr std::size_t staged_piece_bytes_max = 4 << 20;

// The size of the next piece of a transfer that has `bytes` left. On an in-order lane pieces follow each other;
// elsewhere one command must do it all.
inline std::size_t staged_piece_bytes(const Lane& lane, std::size_t bytes) {
  return lane.out_of_order() ? bytes : std::min(bytes, staged_piece_bytes_max);
}

// After posting a write from the arena: frees the room once the command has ended, or now if it was not posted.
void free_staged(Lane& lane, const Posted& posted, std::uint64_t arena_at);

// After posting a read into the arena: once the command has ended, copies the room's bytes to `copy.to` and frees the
// room and, unless `awaited`, the slot. `copy.from` is set here. `awaited`: the caller will call wait_posted. If the
// command was not posted, frees the room now.
void deliver_staged(Lane& lane, const Posted& posted, RowCopy copy, std::uint64_t arena_at, bool awaited);

}  // namespace sluice::shim
