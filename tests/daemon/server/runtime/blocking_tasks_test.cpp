#include "daemon/server/runtime/blocking_tasks.h"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>

using namespace sluice;
using namespace sluice::server;

TEST_CASE("work is done, and finishing can be waited for") {
  BlockingTasks tasks;
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) tasks.run(7, [&done] { ++done; });
  CHECK(tasks.finish(now_ns() + 10 * ns_per_s));
  CHECK(done == 50);
}

TEST_CASE("a user whose work is stuck is told from one who has much of it") {
  BlockingTasks tasks;
  std::mutex gate;
  gate.lock();
  for (std::size_t i = 0; i < BlockingTasks::stuck_min; ++i) tasks.run(7, [&gate] { std::lock_guard guard(gate); });
  CHECK_FALSE(tasks.stuck(7));  // not yet
  CHECK_FALSE(tasks.finish(now_ns() + BlockingTasks::stuck_ns + 50 * ns_per_ms));
  CHECK(tasks.stuck(7));
  CHECK_FALSE(tasks.stuck(8));
  CHECK_FALSE(tasks.stuck(6));
  gate.unlock();
  CHECK(tasks.finish(now_ns() + 10 * ns_per_s));
  CHECK_FALSE(tasks.stuck(7));
}

TEST_CASE("descriptors are closed on another thread") {
  BlockingTasks tasks;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const UniqueFd read_end(ends[0]);
  tasks.close(7, one_fd(UniqueFd(ends[1])));
  CHECK(tasks.finish(now_ns() + 10 * ns_per_s));
  char byte = 0;
  CHECK(read(read_end.get(), &byte, 1) == 0);  // nobody holds the other end
}
