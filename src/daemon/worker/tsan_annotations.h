// Annotations for ThreadSanitizer, which sees the worker's accesses to shared memory and not the program's.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

namespace sluice::worker {

// `slot`, which a command named; null stays null. The program reuses a slot's place once it has seen the last word that
// a thread of the worker wrote there (publish_completed, publish_event, publish_reply: each releases the slot's first
// word), and then posts a command that names the new slot. So the thread that takes the command comes after that
// thread.
template <typename Slot>
Slot* acquire_slot(Slot* slot) {
#ifdef __SANITIZE_THREAD__
  if (slot != nullptr) __tsan_acquire(slot);
#endif
  return slot;
}

// Memory in the arena is reused likewise, after the end of the command that used it last, which may be any command.
#ifdef __SANITIZE_THREAD__
inline char arena_hand_over;
inline void release_arena() { __tsan_release(&arena_hand_over); }
inline void acquire_arena() { __tsan_acquire(&arena_hand_over); }
#else
inline void release_arena() {}
inline void acquire_arena() {}
#endif

// While it lives, this thread writes an answer or an event's times, which only the program reads. The program then uses
// the place for something else, such as a buffer, whose writers in this process come later.
class ProgramWriteScope {
 public:
#ifdef __SANITIZE_THREAD__
  ProgramWriteScope() { AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
  ~ProgramWriteScope() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__); }
#else
  ProgramWriteScope() {}   // NOLINT(modernize-use-equals-default): a trivial one would leave an unused variable
  ~ProgramWriteScope() {}  // NOLINT(modernize-use-equals-default)
#endif
  ProgramWriteScope(const ProgramWriteScope&) = delete;
  ProgramWriteScope& operator=(const ProgramWriteScope&) = delete;
};

}  // namespace sluice::worker
