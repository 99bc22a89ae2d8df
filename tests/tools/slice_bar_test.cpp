#include "tools/sluice/slice_bar.h"

#include <catch2/catch.hpp>

using namespace sluice::cli;

TEST_CASE("each slice has its part of the bar, in order") {
  CHECK(slice_bar({}, 1000) == "[....................]");
  CHECK(slice_bar({250, 500}, 1000) == "[aaaaabbbbbbbbbb.....]");
  CHECK(slice_bar({1000}, 1000) == "[aaaaaaaaaaaaaaaaaaaa]");
  CHECK(slice_bar({250}, 500) == "[aaaaaaaaaa..........]");
}

TEST_CASE("a small slice shows, one without a share does not") {
  CHECK(slice_bar({1, 1, 1}, 1000) == "[abc.................]");
  CHECK(slice_bar({0, 100}, 1000) == "[bb..................]");
}

TEST_CASE("slices that are more than the device fill the bar") {
  CHECK(slice_bar({1000, 1000}, 1000) == "[aaaaaaaaaabbbbbbbbbb]");
  CHECK(slice_bar({100}, 0) == "[aaaaaaaaaaaaaaaaaaaa]");
  CHECK(slice_bar({}, 0) == "[....................]");
  CHECK(slice_bar(std::vector<std::uint64_t>(40, 10), 1000).size() == slice_bar_cells + 2);
}

TEST_CASE("letters come again after the alphabet") {
  CHECK(slice_letter(0) == 'a');
  CHECK(slice_letter(25) == 'z');
  CHECK(slice_letter(26) == 'a');
}
