// Random pools and requests from a seed, for the property tests.
#pragma once

#include <catch2/catch.hpp>
#include <random>

#include "allocator/demand_forecast.h"
#include "allocator/pool.h"

namespace sluice::test {

// The numbers, not the standard's distributions: those differ from one library to the next.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::uint64_t next() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// `memory`: devices have memory, and requests want some.
std::vector<allocator::NodeSpec> random_nodes(Draw& draw, std::size_t count, bool memory);
allocator::Request random_request(Draw& draw, bool memory);
// Some site where it may be, fitting or not.
allocator::Site random_site(Draw& draw, const allocator::Pool& pool, const allocator::Request& request);
// Fills the pool to about half, wherever things happen to fit.
void fill_half(Draw& draw, allocator::Pool& pool, bool memory);
allocator::DemandForecast random_forecast(Draw& draw, const allocator::Pool& pool, bool memory);

}  // namespace sluice::test
