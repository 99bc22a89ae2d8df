#include "daemon/server/aside.h"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>

using namespace sluice;
using namespace sluice::server;

TEST_CASE("work is done, and finishing can be waited for") {
  Aside aside;
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) aside.run(7, [&done] { ++done; });
  CHECK(aside.finish(now_ns() + 10 * ns_per_s));
  CHECK(done == 50);
}

TEST_CASE("a user whose work is stuck is told from one who has much of it") {
  Aside aside;
  std::mutex gate;
  gate.lock();
  for (std::size_t i = 0; i < Aside::stuck_min; ++i) aside.run(7, [&gate] { std::lock_guard guard(gate); });
  CHECK_FALSE(aside.stuck(7));  // not yet
  CHECK_FALSE(aside.finish(now_ns() + Aside::stuck_ns + 50 * ns_per_ms));
  CHECK(aside.stuck(7));
  CHECK_FALSE(aside.stuck(8));
  CHECK_FALSE(aside.stuck(6));
  gate.unlock();
  CHECK(aside.finish(now_ns() + 10 * ns_per_s));
  CHECK_FALSE(aside.stuck(7));
}

TEST_CASE("descriptors are closed on another thread") {
  Aside aside;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const UniqueFd read_end(ends[0]);
  aside.close(7, one_fd(UniqueFd(ends[1])));
  CHECK(aside.finish(now_ns() + 10 * ns_per_s));
  char byte = 0;
  CHECK(read(read_end.get(), &byte, 1) == 0);  // nobody holds the other end
}
