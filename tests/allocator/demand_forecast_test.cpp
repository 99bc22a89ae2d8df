#include "allocator/demand_forecast.h"

#include "tests/allocator/random_pool.h"

using namespace sluice;
using namespace sluice::allocator;

namespace {

Request of(std::uint32_t milli, std::uint32_t cpu_milli = 0, ClassMask classes = any_class) {
  Request request;
  request.gpu.value = milli;
  request.memory_parts = 0;
  request.cpu_milli = cpu_milli;
  request.classes = classes;
  return request;
}

// 3 devices of class 0, 1 of class 1.
Pool pool_of_two_classes() { return Pool({{"a", 0, 0, 0, {{1000, 0, 0}, {1000, 0, 0}, {1000, 0, 0}, {1000, 0, 1}}}}); }

}  // namespace

TEST_CASE("the typical requests are the most frequent ones, in parts of them all") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  for (int i = 0; i < 60; ++i) history.arrived(of(100));
  for (int i = 0; i < 38; ++i) history.arrived(of(500));
  for (int i = 0; i < 2; ++i) history.arrived(of(900));
  const DemandForecast forecast = history.forecast(pool);
  REQUIRE(forecast.typical.size() == 2);  // the 98 in a hundred
  CHECK(forecast.typical[0].shape.gpu_milli == 100);
  CHECK(forecast.typical[0].parts == DemandForecast::whole * 60ull / 98);
  CHECK(forecast.typical[1].parts == DemandForecast::whole * 38ull / 98);
}

TEST_CASE("what came long ago is forgotten") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  for (int i = 0; i < 4096; ++i) history.arrived(of(100));
  for (int i = 0; i < 40'000; ++i) history.arrived(of(500));
  const DemandForecast forecast = history.forecast(pool);
  REQUIRE(forecast.typical.size() == 1);
  CHECK(forecast.typical[0].shape.gpu_milli == 500);
}

TEST_CASE("the CPU that goes with a device is the average over what asks for devices") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  history.arrived(of(1000, 10'000));
  history.arrived(of(500, 2000));
  Request without_device = of(0, 60'000);
  without_device.devices = 0;
  history.arrived(without_device);
  CHECK(history.forecast(pool).cpu_milli_per_device == 8000);
}

TEST_CASE("a class that many requests insist on has a high price, and one that none needs a low price") {
  const Pool pool = pool_of_two_classes();
  RequestHistory even;
  even.arrived(of(1000));
  const DemandForecast same = even.forecast(pool);
  CHECK(same.class_price[0] == DemandForecast::even_price);
  CHECK(same.class_price[1] == DemandForecast::even_price);

  RequestHistory history;
  history.arrived(of(1000));
  history.arrived(of(1000, 0, 2));
  const DemandForecast forecast = history.forecast(pool);
  CHECK(forecast.class_price[0] == DemandForecast::even_price / 2);
  CHECK(forecast.class_price[1] == DemandForecast::even_price / 2 + DemandForecast::even_price * 2);
}

TEST_CASE("a request for a class that no device has makes nothing dear") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  history.arrived(of(1000, 0, ClassMask{1} << 63));
  const DemandForecast forecast = history.forecast(pool);
  CHECK(forecast.class_price[0] == 0);
  CHECK(forecast.class_price[1] == 0);
}

TEST_CASE("a new forecast is due often at first and rarely later") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  CHECK_FALSE(history.due());
  int told = 0;
  for (int i = 0; i < 5 * 1024; ++i) {
    history.arrived(of(100));
    if (!history.due()) continue;
    CHECK(history.forecast(pool).epoch == static_cast<std::uint64_t>(++told));
    CHECK_FALSE(history.due());
  }
  CHECK(told == 10 + 4);  // at 1, 2, 4 … 512, then at 1536, 2560, 3584, 4608
}

TEST_CASE("what wants several devices counts for more where things leave, and as one where nothing does") {
  const Pool pool = pool_of_two_classes();
  Request four = of(1000);
  four.devices = 4;
  const auto parts_of_four = [&](int departures, std::uint32_t weight) {
    RequestHistory::Settings settings;
    settings.turnover_weight = weight;
    settings.popular_percent = 100;
    RequestHistory history(settings);
    for (int i = 0; i < 90; ++i) history.arrived(of(100));
    for (int i = 0; i < 10; ++i) history.arrived(four);
    for (int i = 0; i < departures; ++i) history.departed();
    for (const TypicalRequest& typical : history.forecast(pool).typical)
      if (typical.shape.devices == 4) return typical.parts;
    return 0u;
  };
  CHECK(parts_of_four(0, 4) == DemandForecast::whole / 10);
  // Each of the ten as 1 + 15 / 2, each of the others as 1 + 4 x 0.1 / 8 / 2.
  CHECK(parts_of_four(50, 4) == DemandForecast::whole * 85'000ull / (85'000 + 92'250));
  CHECK(parts_of_four(100, 4) == DemandForecast::whole * 160'000ull / (160'000 + 94'500));
  CHECK(parts_of_four(900, 4) == DemandForecast::whole * 160'000ull / (160'000 + 94'500));
  CHECK(parts_of_four(100, 0) == DemandForecast::whole / 10);
}

TEST_CASE("where things leave, a large share of a device counts more than a small one") {
  RequestHistory history;
  for (int i = 0; i < 10; ++i) history.arrived(of(1000)), history.arrived(of(100));
  const Pool pool = pool_of_two_classes();
  const auto parts = [&] {
    const DemandForecast forecast = history.forecast(pool);
    return std::pair(forecast.typical.at(0).parts, forecast.typical.at(1).parts);
  };
  CHECK(parts() == std::pair(DemandForecast::whole / 2, DemandForecast::whole / 2));
  for (int i = 0; i < 20; ++i) history.departed();
  const auto [large, small] = parts();  // 1 + 16 / 8, and 1 + 16 x 0.1 / 8
  CHECK(large == DemandForecast::whole * 30ull / 42);
  CHECK(small == DemandForecast::whole * 12ull / 42);
}

TEST_CASE("a request that may be spread is as typical as so many for one device") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  Request spread = of(1000, 8000);
  spread.devices = 4;
  spread.spreadable = true;
  history.arrived(spread);
  for (int i = 0; i < 4; ++i) history.arrived(of(300));
  const DemandForecast forecast = history.forecast(pool);
  REQUIRE(forecast.typical.size() == 2);
  for (const TypicalRequest& typical : forecast.typical) {
    CHECK(typical.parts == DemandForecast::whole / 2);
    if (typical.shape.gpu_milli == 1000) CHECK(typical.shape.cpu_milli == 2000);
    CHECK(typical.shape.devices == 1);
  }
}

TEST_CASE("of what could not be had in any pool nothing is learnt, and one large request does not outweigh the rest") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  Request much = of(4'000'000'000), many = of(1000), spread = of(1000);
  many.devices = spread.devices = 4'000'000'000;
  spread.spreadable = true;
  for (int i = 0; i < 3; ++i) history.arrived(much), history.arrived(many), history.departed(), history.departed();
  CHECK(history.forecast(pool).typical.empty());
  for (int i = 0; i < 1024; ++i) history.arrived(of(300));
  history.arrived(spread);
  const DemandForecast forecast = history.forecast(pool);
  REQUIRE(forecast.typical.size() == 2);
  for (const TypicalRequest& typical : forecast.typical) CHECK(typical.parts > DemandForecast::whole / 3);
}

TEST_CASE("one request for very much CPU hardly changes how much goes with a device") {
  const Pool pool = pool_of_two_classes();
  RequestHistory history;
  for (int i = 0; i < 2000; ++i) history.arrived(of(1000, 8000));
  history.arrived(of(1000, 4'000'000'000));
  CHECK(history.forecast(pool).cpu_milli_per_device >= 8000);
  CHECK(history.forecast(pool).cpu_milli_per_device < 9000);
}
