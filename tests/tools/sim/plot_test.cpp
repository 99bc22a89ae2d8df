#include "tools/sim/plot.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::sim;
using Catch::Matchers::Contains;

namespace {

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("a plot has a line for each policy, with its name beside it") {
  const std::string svg =
      draw_svg({"Rejected", "load", "%", {{"balance", {{0.9, 0}, {1.0, 4}}}, {"fgd", {{0.9, 1}, {1.0, 5}}}}});
  CHECK(count(svg, "<polyline") == 2);
  CHECK_THAT(svg, Contains(">balance</text>") && Contains(">fgd</text>") && Contains(">Rejected</text>"));
}

TEST_CASE("few points are marked, so that one alone is seen; many are a line") {
  const std::string one = draw_svg({"t", "x", "y", {{"a", {{1, 2}}}}});
  CHECK(count(one, "<circle") == 1);
  Line many{"a", {}};
  for (int i = 0; i < 100; ++i) many.points.emplace_back(i, i);
  CHECK(count(draw_svg({"t", "x", "y", {many}}), "<circle") == 0);
}

TEST_CASE("what is higher is drawn higher, and what comes later further right") {
  // In SVG y grows downwards.
  const std::string svg = draw_svg({"t", "x", "y", {{"a", {{0, 0}, {10, 100}}}}});
  CHECK_THAT(svg, Contains("points='70,405 610,40 '"));
}

TEST_CASE("a name that looks like markup is text") {
  CHECK_THAT(draw_svg({"a<b & c", "x", "y", {}}), Contains("a&lt;b &amp; c"));
}

TEST_CASE("a plot that cannot be written says so") {
  CHECK_THAT(write_svg("/nowhere/at/all.svg", {}).message(), Contains("cannot write /nowhere/at/all.svg"));
}
