// Outlook: what requests are typical of late, learnt from what arrived, and what follows from them for the pool.
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
  std::uint32_t parts = 0;  // of Outlook::whole: how many of the typical requests are like this
};

inline constexpr std::size_t typical_max = 128;

// The typical requests again, column by column: to be compared with a device many at a time. Columns are filled up with
// requests that nobody makes (0 parts).
struct TypicalTable {
  static constexpr std::size_t step = 8;  // rows come in multiples of it

  using Column = std::array<std::uint32_t, typical_max>;

  std::size_t rows = 0;
  Column parts{}, devices{}, cpu_milli{};
  std::vector<Column> milli;        // by device class: what it takes of a device of that class; more than any has where
                                    // the request may not use the class
  bool asks_memory = false;         // some row wants memory of its devices: then look at `shapes`, too
  std::vector<Shape> shapes;        // by row
  std::vector<std::size_t> linked;  // rows that want devices of one link group
};

struct Outlook {
  static constexpr std::uint32_t whole = 1u << 20;
  static constexpr std::uint32_t even_price = 1024;

  std::uint64_t epoch = 0;              // two outlooks of one history with the same epoch are the same
  std::vector<TypicalRequest> typical;  // the most frequent first; their parts are at most `whole` together
  TypicalTable table;                   // of `typical`
  // What requests with devices take of the node for each whole device, on average. 0: nothing.
  std::uint64_t cpu_milli_per_device = 0;
  // How much of a class is wanted beside how much there is of it, even_price being the pool's average: a class that
  // many insist on is dear to those who could go elsewhere.
  std::uint32_t class_price[classes_max] = {};
};

// A decaying count of shapes. Exact integers: the same arrivals give the same outlook everywhere. Bounded: of shapes
// that become too rare nothing is kept. Of what could not be had in any pool (more than a whole device of each, more
// devices than a node may have) nothing is learnt, and no one request counts for very much CPU or very many devices.
class RequestHistory {
 public:
  struct Settings {
    // A quarter of the past is forgotten each time that so many have arrived. 0: never.
    std::uint32_t forget_after = 2048;
    std::size_t typical_most = 48;       // <= typical_max
    std::uint32_t popular_percent = 95;  // the typical are the most frequent that make up so much of all
    // What a request for several devices counts for each of them where as much leaves as arrives; in proportion where
    // less does. A share of one device counts an eighth of that for its size, and once as every request: a large gap is
    // harder to come by than a small one. Where nothing leaves, what is kept for such a request waits in vain. 0: each
    // counts once, always.
    std::uint32_t turnover_weight = 16;
  };

  RequestHistory() : RequestHistory(Settings()) {}
  explicit RequestHistory(Settings settings) : settings_(settings) {}

  void arrived(const Request& request);
  void departed();  // one that had arrived and had a place
  // True when enough has arrived since the last outlook for a new one to differ: at 1, 2, 4 … and then every 1024.
  bool due() const;
  Outlook outlook(const Pool& pool);

 private:
  struct Demand {
    std::uint64_t cpu = 0, milli = 0;  // weighted
  };

  void forget();
  std::uint64_t weight_of(const Shape& shape, std::uint64_t count, std::uint64_t all) const;

  Settings settings_;
  std::uint64_t arrived_ = 0, told_at_ = 0, epoch_ = 0;
  std::map<Shape, std::uint64_t> counts_;  // weighted
  std::uint64_t departed_ = 0;             // as much for each as for a fresh arrival
  std::map<ClassMask, Demand> demands_;    // of those with devices
};

}  // namespace sluice::allocator
