#define SLUICE_COSTLY_CONTRACTS
#include "base/contract.h"

#include "tests/base/run_apart.h"

namespace sluice {

using test::Ended;
using test::run_apart;

TEST_CASE("a contract that holds costs nothing but its condition") {
  const Ended ended = run_apart([] {
    SLUICE_REQUIRE(1 + 1 == 2);
    SLUICE_INVARIANT(2 + 2 == 4);
    SLUICE_REQUIRE_COSTLY(true);
    SLUICE_INVARIANT_COSTLY(true);
  });
  CHECK(ended.signal == 0);
  CHECK(ended.words.empty());
}

TEST_CASE("a broken requirement names itself and its place, and aborts") {
  const int line = __LINE__ + 1;
  const Ended ended = run_apart([] { SLUICE_REQUIRE(1 + 1 == 3); });
  CHECK(ended.signal == SIGABRT);
  CHECK_THAT(ended.words,
             Catch::Contains("contract_test.cpp:" + std::to_string(line) + ": a requirement is broken: 1 + 1 == 3\n"));
}

TEST_CASE("a broken invariant aborts, a costly one too where there are tests") {
  CHECK(run_apart([] { SLUICE_INVARIANT(false); }).signal == SIGABRT);
  CHECK(run_apart([] { SLUICE_INVARIANT_COSTLY(false); }).signal == SIGABRT);
  CHECK(run_apart([] { SLUICE_REQUIRE_COSTLY(false); }).signal == SIGABRT);
}

}  // namespace sluice
