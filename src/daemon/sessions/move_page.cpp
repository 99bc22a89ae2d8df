#include "daemon/sessions/move_page.h"

#include <utility>

namespace sluice {
namespace {

constexpr auto word_of(MoveState state) { return static_cast<std::uint32_t>(state); }

}  // namespace

Result<MoveWord> MoveWord::make() {
  MoveWord word(SLUICE_TRY(wire::SharedMemory::create("move", move_page_bytes)));
  word.page().word.store(word_of(MoveState::prepared), std::memory_order_release);
  return word;
}

Result<MoveWord> MoveWord::map(UniqueFd fd) {
  return MoveWord(SLUICE_TRY(wire::SharedMemory::map(std::move(fd), move_page_bytes)));
}

MoveState MoveWord::state() const {
  const auto state = static_cast<MoveState>(page().word.load(std::memory_order_acquire));
  return state == MoveState::prepared || state == MoveState::committed ? state : MoveState::aborted;
}

bool MoveWord::decide(MoveState state) {
  std::uint32_t was = word_of(MoveState::prepared);
  if (!page().word.compare_exchange_strong(was, word_of(state), std::memory_order_acq_rel))
    return was == word_of(state);
  wire::futex_wake_all(page().word);
  return true;
}

MoveState MoveWord::wait(Nanoseconds deadline_ns) const {
  while (state() == MoveState::prepared && now_ns() < deadline_ns)
    wire::futex_wait(page().word, word_of(MoveState::prepared), deadline_ns);
  return state();
}

}  // namespace sluice
