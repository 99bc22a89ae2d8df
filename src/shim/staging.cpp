#include "shim/staging.h"

namespace sluice::shim {

void free_staged(Lane& lane, const Posted& posted, std::uint64_t arena_at) {
  if (posted.sequence == 0) return lane.session().arena().release(arena_at);
  // Without the slot: it may be freed first.
  lane.session().progress().free_after(lane, posted.sequence, nullptr, arena_at);
}

void deliver_staged(Lane& lane, const Posted& posted, RowCopy copy, std::uint64_t arena_at, bool awaited) {
  Session& session = lane.session();
  if (posted.sequence == 0) return session.arena().release(arena_at);
  copy.from = session.arena().at(arena_at);
  const std::uint64_t slot_at = awaited ? wire::no_offset : posted.completion.slot_at;
  session.progress().add_read(lane, {posted.sequence, posted.completion.slot, slot_at, copy, arena_at});
}

}  // namespace sluice::shim
