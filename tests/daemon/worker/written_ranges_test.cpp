#include "daemon/worker/written_ranges.h"

#include <catch2/catch.hpp>

namespace sluice::worker {
namespace {

constexpr std::uint64_t chunk = WrittenRanges::chunk_bytes;
using Ranges = std::vector<ByteRange>;

TEST_CASE("what is taken holds all that was written, and is taken once") {
  WrittenRanges written(10 * chunk + 5);
  CHECK(written.take().empty());
  written.note(chunk + 1, 1);
  written.note(2 * chunk - 1, 2);
  written.note(10 * chunk, 1);
  CHECK(written.take() == Ranges{{chunk, 2 * chunk}, {10 * chunk, 5}});
  CHECK(written.take().empty());
}

TEST_CASE("a move that begins takes all that was ever written") {
  WrittenRanges written(4 * chunk);
  written.note(0, 1);
  (void)written.take();
  written.note(3 * chunk, 1);
  written.begin();
  CHECK(written.take() == Ranges{{0, chunk}, {3 * chunk, chunk}});
}

TEST_CASE("what lies beyond the object is left out") {
  WrittenRanges written(100);
  written.note(100, 1);
  written.note(UINT64_MAX, UINT64_MAX);
  written.note(5, 0);
  CHECK(written.take().empty());
  written.note(99, UINT64_MAX);
  CHECK(written.take() == Ranges{{0, 100}});
}

}  // namespace
}  // namespace sluice::worker
