#include "daemon/server/front/refusal_log.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;

TEST_CASE("a flood of refusals is cut, and counted") {
  RefusalLog log;
  const Nanoseconds start = 100 * ns_per_s;
  for (int i = 0; i < 1000; ++i) log.write("refused", start + static_cast<Nanoseconds>(i));
  CHECK(log.left_out() == 1000 - RefusalLog::lines_per_window);
}

TEST_CASE("a later refusal is logged again") {
  RefusalLog log;
  const Nanoseconds start = 100 * ns_per_s;
  for (int i = 0; i < 1000; ++i) log.write("refused", start);
  log.write("refused", start + RefusalLog::window_ns);
  CHECK(log.left_out() == 0);
}
