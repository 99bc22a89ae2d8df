#include "daemon/worker/host_budget.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace sluice::worker {
namespace {

TEST_CASE("a budget gives what it has, and no byte more") {
  HostBudget budget(100);
  auto most = budget.charge(99);
  REQUIRE(most);
  CHECK(budget.fits(1));
  CHECK_FALSE(budget.fits(2));
  CHECK_FALSE(budget.charge(2));
  CHECK(budget.charge(1));
  CHECK(budget.used() == 99);
}

TEST_CASE("what is charged comes back with its charge, once") {
  HostBudget budget(100);
  auto charge = budget.charge(60);
  HostCharge moved = std::move(*charge);
  charge.reset();
  CHECK(budget.used() == 60);
  moved.reset();
  moved.reset();
  CHECK(budget.used() == 0);
}

TEST_CASE("a charge that takes another's place gives its own back") {
  HostBudget budget(100);
  HostCharge charge = std::move(*budget.charge(60));
  charge = std::move(*budget.charge(30));
  CHECK(budget.used() == 30);
}

TEST_CASE("no number of bytes is too large to be refused") {
  HostBudget budget(100);
  const auto some = budget.charge(50);
  CHECK_FALSE(budget.charge(UINT64_MAX));
  CHECK_FALSE(budget.charge(UINT64_MAX - 49));
  HostBudget endless(UINT64_MAX);
  CHECK(endless.charge(UINT64_MAX));
}

TEST_CASE("threads that charge at the same time never have more than there is") {
  HostBudget budget(1000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round)
        if (const auto charge = budget.charge(400); charge && budget.used() > 1000) std::abort();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(budget.used() == 0);
}

}  // namespace
}  // namespace sluice::worker
