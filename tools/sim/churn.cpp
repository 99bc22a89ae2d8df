#include "tools/sim/churn.h"

#include <cmath>
#include <queue>

#include "tools/sim/random.h"
#include "tools/sim/trace.h"

namespace sluice::sim {
namespace {

using namespace allocator;

double exponential(Random& random, double mean) { return -mean * std::log1p(-random.fraction()); }

using Departure = std::pair<double, SliceId>;
using Departures = std::priority_queue<Departure, std::vector<Departure>, std::greater<>>;

}  // namespace

ChurnResult churn(const std::vector<NodeSpec>& nodes, const std::vector<Request>& requests, const Policy& policy,
                  std::uint64_t seed, const ChurnSettings& settings) {
  Random random(seed);
  Pool pool(ranked(nodes, random));
  SimulatedDaemon daemon(pool, policy, settings.moves, nullptr);
  daemon.allow_background_moves(settings.background);
  double mean_milli = 0;
  for (const Request& request : requests) mean_milli += static_cast<double>(shape_of(request).total_milli());
  mean_milli /= static_cast<double>(requests.size());
  const double between = mean_milli / (settings.load * static_cast<double>(pool.totals().milli));  // in lifetimes

  ChurnResult result;
  Departures departures;
  std::uint64_t milli_free = pool.totals().milli;
  std::uint64_t before_requests = 0, before_milli = 0, before_moves = 0, before_background = 0;
  double now = 0;
  for (SliceId id = 0; now < settings.settle_lifetimes + settings.lifetimes; ++id) {
    now += exponential(random, between);
    for (; !departures.empty() && departures.top().first <= now; departures.pop()) {
      const SliceId gone = departures.top().second;
      if (settings.one_large_device) milli_free += shape_of(requests[gone]).total_milli();
      else daemon.depart(gone);
    }
    const std::uint64_t drawn = random.below(requests.size());
    const Request& request = requests[drawn];
    const std::uint64_t milli = shape_of(request).total_milli(),
                        free = settings.one_large_device ? milli_free : pool.milli_free();
    const double lifetime = exponential(random, 1);
    const std::uint64_t draw = random.next();
    const bool counted = now >= settings.settle_lifetimes;
    if (!counted) {
      before_requests = daemon.rescues().requests;
      before_milli = daemon.rescues().milli;
      before_moves = daemon.rescues().moves;
      before_background = daemon.rescues().background_moves;
    }
    const bool placed = settings.one_large_device ? free >= milli : daemon.arrive(id, request, draw);
    if (placed) departures.emplace(now + lifetime, settings.one_large_device ? drawn : id);
    if (placed && settings.one_large_device) milli_free -= milli;
    if (!counted) continue;
    ++result.requests;
    result.milli += milli;
    if (placed) continue;
    ++result.rejected;
    result.rejected_milli += milli;
    result.rejected_with_room += free >= milli;
  }
  result.rescues = daemon.rescues();
  result.rescues.requests -= before_requests;
  result.rescues.milli -= before_milli;
  result.rescues.moves -= before_moves;
  result.rescues.background_moves -= before_background;
  result.decision_ns = daemon.decision_ns();
  return result;
}

}  // namespace sluice::sim
