#include "tools/sluice/table.h"

#include <catch2/catch.hpp>

#include "tests/base/run_apart.h"

using namespace sluice::cli;

TEST_CASE("a row has as many cells as the table has columns") {
  Table table({{"NAME"}, {"COUNT"}});
  CHECK(sluice::test::run_apart([&] { table.add({"a"}); }).signal == SIGABRT);
}

TEST_CASE("columns are as wide as their widest cell, numbers stand to the right, lines end without blanks") {
  Table table({{"NAME"}, {"COUNT", Align::right}, {"NOTE"}});
  table.add({"a", "1", "x"});
  table.add({"longer", "1000000", ""});
  CHECK(table.text() ==
        "NAME      COUNT  NOTE\n"
        "a             1  x\n"
        "longer  1000000\n");
}

TEST_CASE("ages are told in a unit that still tells") {
  constexpr std::uint64_t s = 1'000'000'000;
  CHECK(age_cell(0) == "0s");
  CHECK(age_cell(59 * s) == "59s");
  CHECK(age_cell(60 * s) == "1m");
  CHECK(age_cell(3599 * s) == "59m");
  CHECK(age_cell((3 * 3600 + 12 * 60) * s) == "3h12m");
  CHECK(age_cell(5 * 86400 * s) == "5d");
}

TEST_CASE("a share that is not promised is a dash") {
  CHECK(share_cell(0) == "-");
  CHECK(share_cell(250) == "250m");
}
