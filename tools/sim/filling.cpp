#include "tools/sim/filling.h"

#include <ctime>

#include "allocator/chooser.h"
#include "allocator/fragmentation.h"
#include "tools/sim/random.h"

namespace sluice::sim {
namespace {

using namespace allocator;

std::uint64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t milli_of(const Request& request) { return shape_of(request).total_milli(); }

// The trace shuffled, then drawn from until the next would exceed the whole by more than 30 %.
std::vector<Request> arrivals(const Trace& trace, std::uint64_t milli_total, Dice& dice) {
  std::vector<Request> order = trace.requests;
  dice.shuffle(order);
  std::uint64_t milli = 0;
  for (const Request& request : order) milli += milli_of(request);
  for (;;) {
    const Request& drawn = trace.requests[dice.below(trace.requests.size())];
    if ((milli + drawn.gpu.value) * 100 > milli_total * arrived_percent_max) return order;
    milli += milli_of(drawn);
    order.push_back(drawn);
  }
}

std::vector<NodeSpec> ranked(std::vector<NodeSpec> nodes, Dice& dice) {
  std::vector<std::uint32_t> ranks(nodes.size());
  for (std::uint32_t i = 0; i < ranks.size(); ++i) ranks[i] = i;
  dice.shuffle(ranks);
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].rank = ranks[i];
  return nodes;
}

double fragmented_percent(const Pool& pool, const Outlook& outlook) {
  std::uint64_t unusable = 0;
  for (NodeIndex node = 0; node < pool.node_count(); ++node) unusable += Fragmentation(pool.view(node), outlook).now();
  return 100.0 * static_cast<double>(unusable) / Outlook::whole / static_cast<double>(pool.milli_total());
}

}  // namespace

FillingResult fill(const Trace& trace, const Policy& policy, std::uint64_t seed, bool learn) {
  Dice dice(seed);
  Pool pool(ranked(trace.nodes, dice));
  const std::vector<Request> order = arrivals(trace, pool.milli_total(), dice);

  RequestHistory whole_trace({0, ~std::size_t{0}, 95});
  for (const Request& request : trace.requests) whole_trace.arrived(request);
  const Outlook trace_outlook = whole_trace.outlook(pool);
  RequestHistory history;
  Outlook outlook = learn ? Outlook() : trace_outlook;

  FillingResult result;
  Chooser chooser(pool, policy);
  std::uint64_t arrived = 0;
  unsigned mark = 0;
  for (const Request& request : order) {
    history.arrived(request);
    const std::uint64_t draw = dice.next(), begun_ns = cpu_ns();
    if (learn && history.due()) outlook = history.outlook(pool);
    const auto site = chooser.choose(request, outlook, draw);
    result.decision_ns.push_back(static_cast<std::uint32_t>(cpu_ns() - begun_ns));
    if (!site || !pool.place(result.requests, request, *site).ok()) ++result.refused;
    ++result.requests;
    arrived += milli_of(request);
    for (; mark <= arrived_percent_max && arrived * 100 >= mark * pool.milli_total(); ++mark) {
      result.allocated[mark] =
          100.0 * static_cast<double>(pool.milli_total() - pool.milli_free()) / static_cast<double>(pool.milli_total());
      result.fragmented[mark] = fragmented_percent(pool, trace_outlook);
    }
  }
  for (; mark <= arrived_percent_max; ++mark) {
    result.allocated[mark] = mark > 0 ? result.allocated[mark - 1] : 0;
    result.fragmented[mark] = mark > 0 ? result.fragmented[mark - 1] : 0;
  }
  return result;
}

}  // namespace sluice::sim
