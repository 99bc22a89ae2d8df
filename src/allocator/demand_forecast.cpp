#include "allocator/demand_forecast.h"

#include <algorithm>
#include <bit>

#include "base/contract.h"

namespace sluice::allocator {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t one_arrival =
    1u << 10;  // the weight of a new one: divisible, so that it can be forgotten by quarters
constexpr std::uint64_t class_price_max = 1u << 20;  // that one kind of demand adds
constexpr std::uint64_t forecast_every = 1024;
constexpr std::uint64_t spread_counted_max = 1024;    // of the devices of one request that may be spread
constexpr std::uint64_t cpu_counted_max = 1'000'000;  // milli, of one request for each of its parts: a thousand cores
constexpr std::uint64_t share_divisor = 8;            // half of it, or an eighth, does about as well

std::uint64_t scaled(Wide value, Wide by, Wide of) { return of == 0 ? 0 : static_cast<std::uint64_t>(value * by / of); }

// Host memory and parts do not make a request typical: they would split the same request of many into rare ones.
Shape typical_shape(const Request& request) {
  Shape shape = shape_of(request);
  shape.host_memory_bytes = 0;
  return shape;
}

// A request that fits no pool would only displace typical ones: a single large one would outweigh all others.
bool fits_some_pool(const Shape& shape) {
  return shape.gpu_milli <= whole_gpu.value && shape.devices <= devices_per_node_max;
}

TypicalTable table_of(const std::vector<TypicalRequest>& typical, const Pool& pool) {
  TypicalTable table;
  table.rows = (typical.size() + TypicalTable::step - 1) / TypicalTable::step * TypicalTable::step;
  table.milli.resize(pool.totals().class_count);
  table.shapes.resize(table.rows);
  for (std::size_t i = 0; i < typical.size(); ++i) {
    const Shape& shape = typical[i].shape;
    table.parts[i] = typical[i].parts;
    // A request without devices can use none: it counts as asking for more devices than there are.
    table.devices[i] = shape.devices == 0 ? devices_per_node_max + 1 : shape.devices;
    table.cpu_milli[i] = shape.cpu_milli;
    table.shapes[i] = shape;
    if (shape.linked) table.linked.push_back(i);
    table.asks_memory = table.asks_memory || shape.memory_bytes > 0 || shape.memory_parts > 0;
    for (unsigned c = 0; c < table.milli.size(); ++c)
      table.milli[c][i] = shape.classes == any_class || (shape.classes >> c & 1) != 0 ? shape.gpu_milli : UINT32_MAX;
  }
  return table;
}

// Adds to the prices of `classes` their part of all demand, beside their part of the pool. Demand is distributed evenly
// over the classes that it may use. `demand`: in milli-GPU times the pool's.
void add_price(DemandForecast& forecast, const PoolTotals& totals, ClassMask classes, Wide demand,
               std::uint64_t all_milli) {
  std::uint64_t room = 0;
  for (unsigned c = 0; c < classes_max; ++c)
    if (class_fits(static_cast<std::uint8_t>(c), classes)) room += totals.class_milli[c];
  const std::uint64_t price =
      std::min<std::uint64_t>(scaled(demand, DemandForecast::even_price, Wide{room} * all_milli), class_price_max);
  for (unsigned c = 0; c < classes_max; ++c)
    if (class_fits(static_cast<std::uint8_t>(c), classes)) forecast.class_price[c] += static_cast<std::uint32_t>(price);
}

}  // namespace

RequestHistory::RequestHistory(Settings settings) : settings_(settings) {
  SLUICE_REQUIRE(settings.typical_most <= typical_max);
}

void RequestHistory::arrived(const Request& request) {
  // A spreadable request is like so many requests for one device.
  const bool spread = request.spreadable && request.devices > 1;
  const std::uint64_t times = spread ? std::min<std::uint64_t>(request.devices, spread_counted_max) : 1;
  const Shape shape = typical_shape(spread ? part_of(request, 0, 1) : request);
  const bool learnt = fits_some_pool(shape);
  if (learnt) counts_[shape] += one_arrival * times;
  if (learnt && shape.devices > 0) {
    Demand& demand = demands_[shape.classes];
    demand.cpu += one_arrival * times * std::min<std::uint64_t>(shape.cpu_milli, cpu_counted_max);
    demand.milli += one_arrival * times * shape.total_milli();
  }
  ++arrived_;
  if (settings_.forget_after > 0 && arrived_ % settings_.forget_after == 0) forget();
}

void RequestHistory::departed() { departed_ += one_arrival; }

// `all`: the counts of all shapes together.
std::uint64_t RequestHistory::weight_of(const Shape& shape, std::uint64_t count, std::uint64_t all) const {
  if (settings_.turnover_weight == 0) return count;
  const std::uint64_t each = settings_.turnover_weight;
  // In thousandths of a count.
  const std::uint64_t more =
      shape.devices < 2 ? each * shape.gpu_milli / share_divisor : (each * shape.devices - 1) * whole_gpu.value;
  return count + scaled(Wide{count} * more, std::min(departed_, all), Wide{all} * whole_gpu.value);
}

void RequestHistory::forget() {
  const auto fade = [](std::uint64_t& value) { value -= (value + 3) / 4; };
  for (auto& [shape, count] : counts_) fade(count);
  fade(departed_);
  for (auto& [classes, demand] : demands_) {
    fade(demand.cpu);
    fade(demand.milli);
  }
  std::erase_if(counts_, [](const auto& entry) { return entry.second < one_arrival / 8; });
  std::erase_if(demands_, [](const auto& entry) { return entry.second.milli < one_arrival / 8; });
}

bool RequestHistory::due() const {
  if (arrived_ == forecast_at_) return false;
  return arrived_ < forecast_every ? std::has_single_bit(arrived_) : arrived_ - forecast_at_ >= forecast_every;
}

DemandForecast RequestHistory::forecast(const Pool& pool) {
  forecast_at_ = arrived_;
  DemandForecast forecast;
  forecast.epoch = ++epoch_;
  forecast.typical = typical();
  forecast.table = table_of(forecast.typical, pool);
  Demand all;
  for (const auto& [classes, demand] : demands_) {
    all.cpu += demand.cpu;
    all.milli += demand.milli;
  }
  forecast.cpu_milli_per_device = scaled(all.cpu, whole_gpu.value, all.milli);
  for (const auto& [classes, demand] : demands_)
    add_price(forecast, pool.totals(), classes, Wide{demand.milli} * pool.totals().milli, all.milli);
  return forecast;
}

// The most frequent shapes by their weights, with their parts of the whole.
std::vector<TypicalRequest> RequestHistory::typical() const {
  std::uint64_t arrived = 0;
  for (const auto& [shape, count] : counts_) arrived += count;
  std::vector<std::pair<Shape, std::uint64_t>> popular(counts_.begin(), counts_.end());
  for (auto& [shape, count] : popular) count = weight_of(shape, count, arrived);
  std::stable_sort(popular.begin(), popular.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::uint64_t all = 0, kept = 0;
  for (const auto& [shape, count] : popular) all += count;
  std::size_t n = 0;
  while (n < popular.size() && n < settings_.typical_most && kept * 100 < all * settings_.popular_percent)
    kept += popular[n++].second;
  std::vector<TypicalRequest> typical;
  for (std::size_t i = 0; i < n; ++i)
    typical.push_back(
        {popular[i].first, static_cast<std::uint32_t>(scaled(popular[i].second, DemandForecast::whole, kept))});
  return typical;
}

}  // namespace sluice::allocator
