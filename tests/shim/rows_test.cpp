#include "shim/rows.h"

#include <vector>

#include "catch2/catch.hpp"

using namespace sluice::shim;

TEST_CASE("rows are moved between any two layouts, and nothing else is touched") {
  struct Layout {
    Pitches pitch;
  };
  constexpr std::size_t row_bytes = 6, rows = 4, slices = 3;
  const Layout layouts[] = {{{6, 24}}, {{6, 40}}, {{9, 36}}, {{9, 50}}};
  for (const Layout& from : layouts) {
    for (const Layout& to : layouts) {
      std::vector<std::byte> source(200), target(200, std::byte{0xEE}), expected = target;
      for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i);
      for (std::size_t z = 0; z < slices; ++z)
        for (std::size_t y = 0; y < rows; ++y)
          for (std::size_t x = 0; x < row_bytes; ++x)
            expected[x + y * to.pitch.row + z * to.pitch.slice] = source[x + y * from.pitch.row + z * from.pitch.slice];
      const RowCopy copy{source.data(), target.data(), row_bytes, rows, slices, from.pitch, to.pitch};
      copy.run();
      REQUIRE(target == expected);
      REQUIRE(copy.bytes() == row_bytes * rows * slices);
      REQUIRE(copy.reach() == 2 * to.pitch.slice + 3 * to.pitch.row + 6);
    }
  }
}
