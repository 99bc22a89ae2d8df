#include "tests/allocator/random_pool.h"

namespace sluice::test {
namespace {

using namespace allocator;

constexpr std::uint64_t gib = 1ull << 30;

}  // namespace

std::vector<NodeSpec> random_nodes(Draw& draw, std::size_t count, bool memory) {
  std::vector<NodeSpec> nodes;
  for (std::size_t i = 0; i < count; ++i) {
    NodeSpec node{"node " + std::to_string(i),
                  static_cast<std::uint32_t>(draw.below(count)),
                  4000 * (1 + draw.below(24)),
                  gib * (1 + draw.below(256)),
                  {}};
    for (std::uint64_t n = 1 + draw.below(8); n > 0; --n)
      node.devices.push_back({draw.one_in(6) ? 500u : 1000u, memory ? gib * 8 * (1 + draw.below(4)) : 0,
                              static_cast<std::uint8_t>(draw.below(3)), static_cast<std::uint8_t>(draw.below(3)),
                              draw.one_in(3) ? 2500 : even_weight});
    nodes.push_back(std::move(node));
  }
  return nodes;
}

Request random_request(Draw& draw, bool memory) {
  Request request;
  request.devices = draw.one_in(8) ? 0 : draw.one_in(6) ? 2 + static_cast<std::uint32_t>(draw.below(3)) : 1;
  request.gpu.value =
      request.devices > 1 || draw.one_in(4) ? 1000 : 50 * (1 + static_cast<std::uint32_t>(draw.below(18)));
  request.linked = draw.one_in(3);
  request.memory_parts = memory && draw.one_in(3) ? 8 : 0;
  request.memory_bytes = memory && request.memory_parts == 0 ? gib * (1 + draw.below(12)) : 0;
  request.classes = draw.one_in(4) ? 1 + draw.below(7) : any_class;
  request.cpu_milli = 500 * static_cast<std::uint32_t>(draw.below(20));
  request.host_memory_bytes = gib * draw.below(24);
  request.tenant = draw.below(6);
  if (draw.one_in(5)) request.affinity = static_cast<Affinity>(draw.below(4));
  return request;
}

Site random_site(Draw& draw, const Pool& pool, const Request& request) {
  Site site{static_cast<NodeIndex>(draw.below(pool.node_count())), 0};
  const std::size_t devices = pool.view(site.node).devices.size();
  for (std::uint32_t n = 0; n < request.devices && n < devices;) {
    const DeviceMask bit = DeviceMask{1} << draw.below(devices);
    if ((site.devices & bit) != 0) continue;
    site.devices |= bit;
    ++n;
  }
  return site;
}

void fill_half(Draw& draw, Pool& pool, bool memory) {
  for (SliceId id = 1'000'000; pool.milli_free() * 2 > pool.totals().milli && id < 1'020'000; ++id) {
    const Request request = random_request(draw, memory);
    const Status placed = pool.place(id, request, random_site(draw, pool, request));
    if (!placed.ok() && placed.code() == Code::internal) FAIL(placed.message());
  }
}

DemandForecast random_forecast(Draw& draw, const Pool& pool, bool memory) {
  RequestHistory history;
  for (std::uint64_t n = 1 + draw.below(60); n > 0; --n) {
    const Request request = random_request(draw, memory);
    for (std::uint64_t times = 1 + draw.below(5); times > 0; --times) history.arrived(request);
  }
  return history.forecast(pool);
}

}  // namespace sluice::test
