#include "allocator/balance.h"

#include <algorithm>
#include <bit>

namespace sluice::allocator {
namespace {

constexpr std::int64_t whole = DemandForecast::whole;
// How much more an empty node of the largest size costs than a full one, for CPU and for GPU each, in milli-GPU. Half
// and twice as much give the same results.
constexpr std::int64_t emptiness_milli = 50;
// The price of a milli-GPU of a class of average price, in milli-GPU. Large: a class that some requests insist on is
// left to them as long as anything else fits.
constexpr std::int64_t price_milli = 1;

// Of a placement on one node.
class Cost {
 public:
  explicit Cost(const RatingQuery& query) : query_(query), view_(query.pool.view(query.node)) {
    const auto cpu_free = signed_of(view_.node.cpu_free), gpu_free = signed_of(query_.fragmentation.gpu_free());
    const auto cpu_left = cpu_free - query.shape.cpu_milli;
    const auto gpu_left = gpu_free - signed_of(query.shape.total_milli());
    // The same for all devices of the node.
    common_ = whole * (stranded(cpu_left, gpu_left) - stranded(cpu_free, gpu_free)) +
              emptiness(cpu_left, query.pool.totals().largest_node_cpu_milli) +
              emptiness(gpu_left, query.pool.totals().largest_node_gpu_milli) - signed_of(query_.fragmentation.now());
  }

  std::int64_t of(DeviceMask devices) const {
    return common_ + signed_of(query_.fragmentation.after(query_.shape, devices)) + price(devices);
  }

 private:
  static std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

  std::int64_t stranded(std::int64_t cpu, std::int64_t gpu) const {
    const std::int64_t rate = signed_of(query_.forecast.cpu_milli_per_device);
    return rate == 0 ? 0 : std::max<std::int64_t>(gpu - cpu * whole_gpu.value / rate, 0);
  }

  static std::int64_t emptiness(std::int64_t left, std::uint64_t largest) {
    return largest == 0 ? 0 : emptiness_milli * whole * left / signed_of(largest);
  }

  std::int64_t price(DeviceMask devices) const {
    std::int64_t sum = 0;
    for (; devices != 0; devices &= devices - 1) {
      const Device& device = view_.devices[static_cast<unsigned>(std::countr_zero(devices))];
      sum += std::int64_t{query_.forecast.class_price[device.device_class]} * device.weight_milli / even_weight;
    }
    return sum * query_.shape.gpu_milli * price_milli * (whole / DemandForecast::even_price);
  }

  const RatingQuery& query_;
  const NodeView view_;
  std::int64_t common_ = 0;
};

}  // namespace

std::optional<Rating> rate_balance(const RatingQuery& query) {
  std::optional<Cost> cost;
  std::optional<Rating> best;
  for_each_choice(query, [&](DeviceMask devices) {
    if (!cost) cost.emplace(query);
    const std::int64_t here = cost->of(devices);
    if (!best || here < best->cost) best = Rating{here, devices};
  });
  return best;
}

}  // namespace sluice::allocator
