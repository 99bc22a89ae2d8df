#include "daemon/backends/opencl/pocl/lookup_turns.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace sluice::backend::opencl {
namespace {

TEST_CASE("a launch that finds nobody looking has its turn at once") {
  LookupTurns turns;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(turns.try_for_launch());
    turns.end();
  }
}

TEST_CASE("a launch is told that its turn is long in coming, and goes before the next kernel of a whole program") {
  LookupTurns turns;
  turns.wait_for_other();
  REQUIRE_FALSE(turns.try_for_launch());
  std::atomic<int> next{0};
  int launch_was = 0, other_was = 0;
  std::thread other([&] {
    turns.wait_for_other();
    other_was = ++next;
    turns.end();
  });
  std::thread launch([&] {
    turns.wait_for_launch();
    launch_was = ++next;
    turns.end();
  });
  turns.end();
  launch.join();
  other.join();
  CHECK(launch_was == 1);
  CHECK(other_was == 2);
}

TEST_CASE("of many threads one looks at a time, and each has its turns") {
  LookupTurns turns;
  std::atomic<int> looking{0}, too_many{0};
  const auto look = [&] {
    if (++looking != 1) ++too_many;
    std::this_thread::yield();
    --looking;
    turns.end();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 500; ++round) {
        if (i == 0) turns.wait_for_other();
        else if (!turns.try_for_launch()) turns.wait_for_launch();
        look();
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(too_many == 0);
}

}  // namespace
}  // namespace sluice::backend::opencl
