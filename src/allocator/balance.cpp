#include "allocator/balance.h"

#include <algorithm>
#include <bit>

namespace sluice::allocator {
namespace {

constexpr std::int64_t whole = Outlook::whole;
// What an empty node, as large as the largest, costs more than a full one: of CPU and of GPU each, in milli-GPU. Half
// and twice as much do as well.
constexpr std::int64_t emptiness_milli = 50;
// What a milli-GPU of a class as dear as the average costs, in milli-GPU. Large: a class that others insist on is left
// to them as long as anything else fits.
constexpr std::int64_t price_milli = 1;

// Of a placement on one node.
class Cost {
 public:
  explicit Cost(const RatingQuestion& question) : question_(question), view_(question.pool.view(question.node)) {
    const auto cpu_free = signed_of(view_.node.cpu_free), gpu_free = signed_of(question_.fragmentation.gpu_free());
    const auto cpu_left = cpu_free - question.shape.cpu_milli;
    const auto gpu_left = gpu_free - signed_of(question.shape.total_milli());
    // The same whichever devices of the node are taken.
    common_ = whole * (stranded(cpu_left, gpu_left) - stranded(cpu_free, gpu_free)) +
              emptiness(cpu_left, question.pool.largest_node_cpu_milli()) +
              emptiness(gpu_left, question.pool.largest_node_gpu_milli()) - signed_of(question_.fragmentation.now());
  }

  std::int64_t of(DeviceMask devices) const {
    return common_ + signed_of(question_.fragmentation.after(question_.shape, devices)) + price(devices);
  }

 private:
  static std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

  std::int64_t stranded(std::int64_t cpu, std::int64_t gpu) const {
    const std::int64_t rate = signed_of(question_.outlook.cpu_milli_per_device);
    return rate == 0 ? 0 : std::max<std::int64_t>(gpu - cpu * whole_gpu.value / rate, 0);
  }

  static std::int64_t emptiness(std::int64_t left, std::uint64_t largest) {
    return largest == 0 ? 0 : emptiness_milli * whole * left / signed_of(largest);
  }

  std::int64_t price(DeviceMask devices) const {
    std::int64_t sum = 0;
    for (; devices != 0; devices &= devices - 1) {
      const Device& device = view_.devices[static_cast<unsigned>(std::countr_zero(devices))];
      sum += std::int64_t{question_.outlook.class_price[device.device_class]} * device.weight_milli / even_weight;
    }
    return sum * question_.shape.gpu_milli * price_milli * (whole / Outlook::even_price);
  }

  const RatingQuestion& question_;
  const NodeView view_;
  std::int64_t common_ = 0;
};

}  // namespace

std::optional<Rating> rate_balance(const RatingQuestion& question) {
  std::optional<Cost> cost;
  std::optional<Rating> best;
  for_each_choice(question, [&](DeviceMask devices) {
    if (!cost) cost.emplace(question);
    const std::int64_t here = cost->of(devices);
    if (!best || here < best->cost) best = Rating{here, devices};
  });
  return best;
}

}  // namespace sluice::allocator
