// What ThreadSanitizer, which sees only this process, must be told about the program's.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

namespace sluice::worker {

// `slot`, which a command named; null stays null. The program gives a slot's place to another slot when it has seen the
// last word that a thread of the worker wrote there (publish_completed, publish_event, publish_reply: each releases the
// slot's first word), and then posts a command that names the new one. So who takes the command comes after that
// thread.
template <typename Slot>
Slot* handed_over(Slot* slot) {
#ifdef __SANITIZE_THREAD__
  if (slot != nullptr) __tsan_acquire(slot);
#endif
  return slot;
}

// Memory in the arena is handed over likewise, by the end of the command that used it last, which may be any.
#ifdef __SANITIZE_THREAD__
inline char arena_hand_over;
inline void hand_over_memory() { __tsan_release(&arena_hand_over); }
inline void take_over_memory() { __tsan_acquire(&arena_hand_over); }
#else
inline void hand_over_memory() {}
inline void take_over_memory() {}
#endif

// While it lives, this thread writes an answer or an event's times, which nobody reads but the program. The program
// then uses the place for something else, say a buffer, whose writers in this process come later.
class WritesForProgram {
 public:
#ifdef __SANITIZE_THREAD__
  WritesForProgram() { AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
  ~WritesForProgram() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__); }
#else
  WritesForProgram() {}   // NOLINT(modernize-use-equals-default): a trivial one would leave an unused variable
  ~WritesForProgram() {}  // NOLINT(modernize-use-equals-default)
#endif
  WritesForProgram(const WritesForProgram&) = delete;
  WritesForProgram& operator=(const WritesForProgram&) = delete;
};

}  // namespace sluice::worker
