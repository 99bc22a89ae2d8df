#include "tools/sim/filling.h"

#include "allocator/fragmentation.h"
#include "tools/sim/random.h"

namespace sluice::sim {
namespace {

using namespace allocator;

std::uint64_t milli_of(const Request& request) { return shape_of(request).total_milli(); }

// The trace shuffled, then drawn from until the next would exceed the whole by more than 30 %.
std::vector<Request> arrivals(const Trace& trace, std::uint64_t milli_total, Random& random) {
  std::vector<Request> order = trace.requests;
  random.shuffle(order);
  std::uint64_t milli = 0;
  for (const Request& request : order) milli += milli_of(request);
  for (;;) {
    const Request& drawn = trace.requests[random.below(trace.requests.size())];
    if ((milli + drawn.gpu.value) * 100 > milli_total * arrived_percent_max) return order;
    milli += milli_of(drawn);
    order.push_back(drawn);
  }
}

double fragmented_percent(const Pool& pool, const DemandForecast& forecast) {
  std::uint64_t unusable = 0;
  for (NodeIndex node = 0; node < pool.node_count(); ++node) unusable += Fragmentation(pool.view(node), forecast).now();
  return 100.0 * static_cast<double>(unusable) / DemandForecast::whole / static_cast<double>(pool.totals().milli);
}

}  // namespace

FillingResult fill(const Trace& trace, const Policy& policy, std::uint64_t seed, const FillingSettings& settings) {
  Random random(seed);
  Pool pool(ranked(trace.nodes, random));
  const std::vector<Request> order = arrivals(trace, pool.totals().milli, random);

  RequestHistory whole_trace({0, typical_max, 95});
  for (const Request& request : trace.requests) whole_trace.arrived(request);
  const DemandForecast trace_forecast = whole_trace.forecast(pool);
  SimulatedDaemon daemon(pool, policy, settings.moves, settings.learn ? nullptr : &trace_forecast);

  daemon.explain(settings.reasons, trace.classes);

  FillingResult result;
  std::uint64_t arrived = 0;
  unsigned mark = 0;
  for (const Request& request : order) {
    if (!daemon.arrive(result.requests, request, random.next())) ++result.refused;
    ++result.requests;
    arrived += milli_of(request);
    for (; mark <= arrived_percent_max && arrived * 100 >= mark * pool.totals().milli; ++mark) {
      result.allocated[mark] = 100.0 * static_cast<double>(pool.totals().milli - pool.milli_free()) /
                               static_cast<double>(pool.totals().milli);
      result.fragmented[mark] = fragmented_percent(pool, trace_forecast);
      result.rejected[mark] = 100.0 * static_cast<double>(result.refused) / static_cast<double>(result.requests);
    }
  }
  for (; mark > 0 && mark <= arrived_percent_max; ++mark) {
    result.allocated[mark] = result.allocated[mark - 1];
    result.fragmented[mark] = result.fragmented[mark - 1];
    result.rejected[mark] = result.rejected[mark - 1];
  }
  result.rescues = daemon.rescues();
  result.decision_ns = daemon.decision_ns();
  result.reasons = daemon.reasons();
  return result;
}

}  // namespace sluice::sim
