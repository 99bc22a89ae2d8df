#include "wire/transport/futex.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <new>
#include <thread>

namespace sluice::wire {
namespace {

TEST_CASE("a wait ends at its deadline, not before") {
  FutexWord word{7};
  const Nanoseconds started = now_ns();
  while (now_ns() < started + 20 * ns_per_ms) futex_wait(word, 7, started + 20 * ns_per_ms);
  CHECK(now_ns() - started >= 20 * ns_per_ms);
  CHECK(now_ns() - started < 10 * ns_per_s);
}

TEST_CASE("a wait for a value that has passed does not sleep") {
  FutexWord word{8};
  futex_wait(word, 7);  // would hang
  SUCCEED();
}

TEST_CASE("a wake reaches every sleeper of another process") {
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto& word = *new (memory) FutexWord{0};
  const pid_t child = ::fork();
  if (child == 0) {
    while (word.load() == 0) futex_wait(word, 0);
    ::_exit(word.load() == 1 ? 0 : 1);
  }
  ::usleep(20'000);
  word.store(1);
  futex_wake_all(word);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  ::munmap(memory, 4096);
}

TEST_CASE("a polite spin gives up when its budget is used up") {
  SpinHabit habit;
  PoliteSpin spin(habit, 2 * ns_per_ms);
  const Nanoseconds started = now_ns();
  while (spin.again()) {
  }
  CHECK(now_ns() - started >= 2 * ns_per_ms);
  CHECK_FALSE(spin.again());
}

void note(SpinHabit& habit, bool was_short) {
  for (int i = 0; i < 100; ++i) habit.note(was_short);
}

TEST_CASE("where waits are longer than a spin, nobody spins, until they are short again") {
  SpinHabit habit;
  CHECK(habit.pays());
  note(habit, false);
  CHECK_FALSE(habit.pays());
  CHECK_FALSE(PoliteSpin(habit).again());
  note(habit, true);
  CHECK(habit.pays());
  CHECK(PoliteSpin(habit).again());
}

TEST_CASE("a spin of unusual length does not end a habit, nor does one that found what it waited for begin one") {
  SpinHabit habit;
  note(habit, true);
  habit.note(false);
  CHECK(habit.pays());
  note(habit, false);
  { const PoliteSpin not_needed(habit); }
  habit.note(true);
  CHECK_FALSE(habit.pays());
}

TEST_CASE("a pause is no reason to spin less") {
  SpinHabit habit;
  for (int i = 0; i < 20; ++i) {
    PoliteSpin spin(habit, 0);
    CHECK_FALSE(spin.again());
    ::usleep(6'000);
  }
  CHECK(habit.pays());
}

}  // namespace
}  // namespace sluice::wire
