#include "tools/sim/churn.h"

#include <catch2/catch.hpp>

#include "tools/sim/trace.h"

using namespace sluice;
using namespace sluice::allocator;

namespace {

std::vector<Request> shares(std::vector<std::pair<std::uint32_t, int>> kinds) {
  std::vector<Request> requests;
  for (const auto& [milli, times] : kinds) {
    Request request;
    request.gpu.value = milli;
    request.memory_parts = 0;
    requests.insert(requests.end(), static_cast<std::size_t>(times), request);
  }
  return requests;
}

sim::ChurnResult churned(double load, std::size_t moves, bool one_large_device = false) {
  sim::ChurnSettings settings;
  settings.load = load;
  settings.moves = moves;
  settings.one_large_device = one_large_device;
  settings.settle_lifetimes = 3;
  settings.lifetimes = 4;
  return sim::churn(sim::plain_nodes(100), shares({{100, 7}, {200, 3}}), default_policy(), 1, settings);
}

}  // namespace

TEST_CASE("at half the load nothing is rejected, and what arrives is what the load says") {
  const auto result = churned(0.5, 0);
  CHECK(result.rejected == 0);
  CHECK(static_cast<double>(result.milli) == Approx(0.5 * 100'000 * 4).epsilon(0.1));
}

TEST_CASE("of tenths and fifths none is rejected while enough is free in total, at one move a rescue") {
  const auto without = churned(1.0, 0), with = churned(1.0, 1);
  CHECK(without.rejected_with_room > 0);
  CHECK(with.rejected > 0);
  CHECK(with.rejected_with_room == 0);
  CHECK(with.rescues.requests > 0);
  CHECK(with.rescues.moves == with.rescues.requests);
  // So it loses what one large device would.
  CHECK(with.rejected == churned(1.0, 0, true).rejected);
}
