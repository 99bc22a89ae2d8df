#include "allocator/defragmenter.h"

#include "tests/allocator/random_pool.h"
#include "tests/allocator/shares.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;
using test::nodes_of;
using test::share;

namespace {

DemandForecast forecast_of(const Pool& pool, const std::vector<Request>& requests) {
  RequestHistory history;
  for (const Request& request : requests) history.arrived(request);
  return history.forecast(pool);
}

// A pool with what works on it.
struct Bench {
  explicit Bench(const std::vector<NodeSpec>& nodes) : pool(nodes) {}

  Pool pool;
  Chooser chooser{pool, default_policy()};
  Planner planner{pool, default_policy(), chooser};
  Defragmenter defragmenter{pool, chooser, planner};
};

// The share of typical requests that would fit, by looking at every node for each.
std::uint32_t share_open(const Pool& pool, const DemandForecast& forecast) {
  std::uint32_t share = 0;
  for (const TypicalRequest& typical : forecast.typical)
    for (NodeIndex node = 0; node < pool.node_count(); ++node)
      if (node_fits(pool.view(node), typical.shape)) {
        share += typical.parts;
        break;
      }
  return share;
}

}  // namespace

TEST_CASE("room is made for a typical request before one arrives") {
  Bench bench(nodes_of({1, 1, 1}));
  for (SliceId id = 0; id < 27; ++id)
    REQUIRE(bench.pool.place(id, share(100), {static_cast<NodeIndex>(id / 9), 1}).ok());
  const DemandForecast forecast = forecast_of(bench.pool, {share(100), share(200)});
  DefragmentationBudget budget;
  budget.moves_max = 1;
  const DefragmentationPlan plan = bench.defragmenter.plan(forecast, budget);
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.fitting_before == DemandForecast::whole / 2);
  CHECK(plan.fitting_after == DemandForecast::whole);
}

TEST_CASE("where every typical request has a place and nothing is useless, nothing moves") {
  Bench bench(nodes_of({1, 1, 1, 1}));
  REQUIRE(bench.pool.place(1, share(500), {0, 1}).ok());
  REQUIRE(bench.pool.place(2, share(500), {0, 1}).ok());
  CHECK(bench.defragmenter.plan(forecast_of(bench.pool, {share(500), share(1000)}), {}).moves.empty());
}

TEST_CASE("no more is spent than the budget has, in moves and in their cost") {
  Bench bench(nodes_of({1, 1, 1, 1, 1, 1}));
  Request dear = share(300);
  dear.priority = 10;
  for (SliceId id = 0; id < 6; ++id) REQUIRE(bench.pool.place(id, dear, {static_cast<NodeIndex>(id), 1}).ok());
  const DemandForecast forecast = forecast_of(bench.pool, {share(1000)});
  DefragmentationBudget budget;
  budget.moves_max = 8;
  CHECK_FALSE(bench.defragmenter.plan(forecast, budget).moves.empty());
  budget.cost_max = 10 * stop_mib - 1;
  CHECK(bench.defragmenter.plan(forecast, budget).moves.empty());
  budget.cost_max = 20 * stop_mib - 1;
  CHECK(bench.defragmenter.plan(forecast, budget).moves.size() == 1);
  budget.moves_max = 0;
  CHECK(bench.defragmenter.plan(forecast, budget).moves.empty());
}

TEST_CASE("what is open is known without looking at every node again") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 8, true));
    FitIndex fit_index(pool);
    DemandForecast forecast = test::random_forecast(draw, pool, true);
    for (SliceId id = 1; id <= 200; ++id) {
      const Request request = test::random_request(draw, true);
      if (draw.one_in(3)) (void)pool.release(1 + draw.below(id)).ok();
      else (void)pool.place(id, request, test::random_site(draw, pool, request)).ok();
      if (!draw.one_in(4)) continue;
      fit_index.update(forecast);
      REQUIRE(fit_index.fitting_share() == share_open(pool, forecast));
    }
  }
}

TEST_CASE("after each move of a plan whatever was open still is, in the end no less, and planning changed nothing") {
  std::size_t moves = 0, opened = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Draw draw(seed);
    Bench bench(test::random_nodes(draw, 10, true));
    std::map<SliceId, Site> sites;
    for (SliceId id = 0; id < 150; ++id) {
      Request request = test::random_request(draw, true);
      request.movable = !draw.one_in(6);
      request.priority = static_cast<std::uint16_t>(1 + draw.below(4));
      const Site site = test::random_site(draw, bench.pool, request);
      if (bench.pool.place(id, request, site).ok()) sites[id] = site;
    }
    const DemandForecast forecast = test::random_forecast(draw, bench.pool, true);
    DefragmentationBudget budget;
    budget.moves_max = 1 + draw.below(6);
    budget.cost_max = 16 * stop_mib * (1 + draw.below(12));
    const DefragmentationPlan plan = bench.defragmenter.plan(forecast, budget);
    for (const auto& [id, site] : sites) REQUIRE(bench.pool.slices().at(id).site == site);
    REQUIRE(plan.fitting_before == share_open(bench.pool, forecast));
    REQUIRE(plan.moves.size() <= budget.moves_max);
    FitIndex fit_index(bench.pool);
    fit_index.update(forecast);
    std::uint64_t cost = 0;
    for (const Move& move : plan.moves) {
      const FitIndex::Fitting before = fit_index.fitting();
      const Slice& slice = bench.pool.slices().at(move.slice);
      REQUIRE(slice.site == move.from);
      REQUIRE(slice.request.movable);
      cost += move_cost_of(bench.pool, slice);
      REQUIRE(bench.pool.move(move.slice, move.to).ok());
      fit_index.update(forecast);
      REQUIRE((before & ~fit_index.fitting()).none());
    }
    REQUIRE(cost <= budget.cost_max);
    REQUIRE(plan.fitting_after == share_open(bench.pool, forecast));
    REQUIRE(plan.fitting_after >= plan.fitting_before);
    moves += plan.moves.size();
    opened += plan.fitting_after > plan.fitting_before;
  }
  CHECK(moves > 100);
  CHECK(opened > 10);
}
