#include "tools/sim/filling.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace sluice;
using namespace sluice::allocator;

namespace {

// Every fourth node and request of the synthetic trace: enough to tell policies apart.
sim::Trace small_trace() {
  const sim::Trace whole = sim::synthetic_trace(1);
  sim::Trace trace{whole.name, {}, {}, whole.classes};
  for (std::size_t i = 0; i < whole.nodes.size(); i += 4) trace.nodes.push_back(whole.nodes[i]);
  for (std::size_t i = 0; i < whole.requests.size(); i += 4) trace.requests.push_back(whole.requests[i]);
  return trace;
}

sim::FillingResult filled(std::string_view policy, std::uint64_t seed, bool learn = true, std::size_t moves = 0) {
  return sim::fill(small_trace(), *find_policy(policy), seed, {learn, moves});
}

}  // namespace

TEST_CASE("a filling is the same each time, and another seed makes another") {
  const auto once = filled("balance", 1), again = filled("balance", 1), other = filled("balance", 2);
  CHECK(once.allocated == again.allocated);
  CHECK(once.refused == again.refused);
  CHECK(once.allocated != other.allocated);
}

TEST_CASE("until a third has been asked for, everything has a place") {
  const auto result = filled("random", 1);
  for (unsigned mark = 1; mark <= 33; ++mark) {
    CHECK(result.allocated[mark] >= mark - 0.2);
    CHECK(result.rejected[mark] == 0);
  }
}

TEST_CASE("of the requests so far ever more have been rejected, once the cluster is full") {
  const auto result = filled("balance", 1);
  CHECK(result.rejected[130] > result.rejected[110]);
  CHECK(result.rejected[110] > result.rejected[100]);
  const double in_the_end = 100.0 * static_cast<double>(result.refused) / static_cast<double>(result.requests);
  CHECK(std::abs(result.rejected[130] - in_the_end) < 1);  // a few come after the last mark
}

TEST_CASE("the default policy leaves less unallocated than any other, learning or knowing what is typical") {
  const double ours = filled("balance", 3).allocated[100], ours_known = filled("balance", 3, false).allocated[100];
  for (const Policy& policy : policies()) {
    if (policy.name == "balance") continue;
    INFO(policy.name);
    CHECK(ours > filled(policy.name, 3).allocated[100]);
    if (policy.uses_forecast) CHECK(ours_known > filled(policy.name, 3, false).allocated[100]);
  }
}

TEST_CASE("moving slices for those that fit nowhere leaves less unallocated, with no more moves than allowed") {
  const auto without = filled("best-fit", 5), with = filled("best-fit", 5, true, 2);
  CHECK(without.rescues.moves == 0);
  CHECK(with.allocated[100] > without.allocated[100]);
  CHECK(with.rescues.requests > 0);
  CHECK(with.rescues.moves <= 2 * with.rescues.requests);
}
