// DemandForecast: which requests are typical, learnt from recent arrivals, and what follows from that for the pool.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "allocator/pool.h"
#include "allocator/request.h"

namespace sluice::allocator {

struct TypicalRequest {
  Shape shape;
  std::uint32_t parts = 0;  // of DemandForecast::whole: how many of the typical requests are like this
};

inline constexpr std::size_t typical_max = 128;

// The typical requests again, as columns, so that a device is compared with many of them at a time. Columns are padded
// with rows of 0 parts.
struct TypicalTable {
  static constexpr std::size_t step = 8;  // rows come in multiples of it

  using Column = std::array<std::uint32_t, typical_max>;

  std::size_t rows = 0;
  Column parts{}, devices{}, cpu_milli{};
  std::vector<Column> milli;        // by device class: what the row takes of such a device; more than any device has
                                    // where the row may not use the class
  bool asks_memory = false;         // some row wants device memory: then `shapes` decides, too
  std::vector<Shape> shapes;        // by row
  std::vector<std::size_t> linked;  // rows that need devices of one link group
};

struct DemandForecast {
  static constexpr std::uint32_t whole = 1u << 20;
  static constexpr std::uint32_t even_price = 1024;

  std::uint64_t epoch = 0;              // two forecasts of one history with the same epoch are the same
  std::vector<TypicalRequest> typical;  // the most frequent first; their parts are at most `whole` together
  TypicalTable table;                   // of `typical`
  // The CPU that requests with devices take for each whole device, on average.
  std::uint64_t cpu_milli_per_device = 0;
  // The demand for a device class divided by its supply; even_price is the pool's average. A class that many requests
  // insist on has a high price.
  std::uint32_t class_price[classes_max] = {};
};

// A decaying count of shapes. Exact integers: the same arrivals give the same forecast on every machine. Its memory is
// bounded: rare shapes are dropped. It ignores requests that fit no pool at all (more than a whole device of each, more
// devices than a node may have), and bounds how much CPU and how many devices one request counts for.
class RequestHistory {
 public:
  struct Settings {
    // After so many arrivals a quarter of the counts is forgotten. 0: never.
    std::uint32_t forget_after = 2048;
    std::size_t typical_most = 48;       // <= typical_max
    std::uint32_t popular_percent = 95;  // typical are the most frequent that make up so much of all
    // How often a request for several devices counts, for each of them, if as many requests depart as arrive; if fewer
    // depart, in proportion. A share of one device counts once, and an eighth of this weight times its size: large
    // gaps are rarer than small ones. If nothing departs, keeping devices free for large requests gains nothing.
    // 0: every request counts once.
    std::uint32_t turnover_weight = 16;
  };

  RequestHistory() : RequestHistory(Settings()) {}
  explicit RequestHistory(Settings settings);

  void arrived(const Request& request);
  void departed();  // a request that had arrived and was placed
  // Whether enough has arrived since the last forecast for a new one to differ: at 1, 2, 4 … and then every 1024.
  bool due() const;
  DemandForecast forecast(const Pool& pool);

 private:
  struct Demand {
    std::uint64_t cpu = 0, milli = 0;  // weighted
  };

  void forget();
  std::vector<TypicalRequest> typical() const;
  std::uint64_t weight_of(const Shape& shape, std::uint64_t count, std::uint64_t all) const;

  Settings settings_;
  std::uint64_t arrived_ = 0, forecast_at_ = 0, epoch_ = 0;
  std::map<Shape, std::uint64_t> counts_;  // weighted
  std::uint64_t departed_ = 0;             // weighted as arrivals are
  std::map<ClassMask, Demand> demands_;    // of those with devices
};

}  // namespace sluice::allocator
