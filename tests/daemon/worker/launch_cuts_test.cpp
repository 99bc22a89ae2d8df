#include "daemon/worker/launch_cuts.h"

#include <catch2/catch.hpp>
#include <random>

namespace sluice::worker {
namespace {

using backend::Divisible;

wire::KernelLaunch launch_of(std::initializer_list<std::uint64_t> global, std::initializer_list<std::uint64_t> local) {
  wire::KernelLaunch launch;
  launch.dimensions = static_cast<std::uint32_t>(global.size());
  std::copy(global.begin(), global.end(), launch.global_size);
  std::copy(local.begin(), local.end(), launch.local_size);
  return launch;
}

TEST_CASE("a launch is cut along its slowest dimension that has more than one work-group") {
  CHECK(plan_cut(launch_of({4096}, {64}), Divisible::always).dimension == 0);
  CHECK(plan_cut(launch_of({4096, 8}, {64, 1}), Divisible::always).dimension == 1);
  CHECK(plan_cut(launch_of({64, 8, 2}, {64, 4, 2}), Divisible::always).dimension == 1);
  CHECK(plan_cut(launch_of({64, 64, 3}, {}), Divisible::always).dimension == 2);
  CHECK(plan_cut(launch_of({64, 64, 1}, {}), Divisible::always).dimension == 1);
}

TEST_CASE("what the kernel could tell is not cut") {
  const auto given = launch_of({4096}, {64}), open = launch_of({4096}, {});
  CHECK(plan_cut(given, Divisible::never).unit == 0);
  CHECK(plan_cut(given, Divisible::if_local_size_given).unit == 64);
  CHECK(plan_cut(open, Divisible::if_local_size_given).unit == 0);
  CHECK(plan_cut(open, Divisible::always).unit == 256);
}

TEST_CASE("a local size that does not divide the range, or leaves nothing to cut, keeps the launch whole") {
  CHECK(plan_cut(launch_of({4097}, {64}), Divisible::always).unit == 0);
  CHECK(plan_cut(launch_of({64, 9}, {64, 2}), Divisible::always).unit == 0);
  CHECK(plan_cut(launch_of({64, 8}, {64, 0}), Divisible::always).unit == 0);
  CHECK(plan_cut(launch_of({64}, {64}), Divisible::always).unit == 0);
  CHECK(plan_cut(launch_of({256}, {}), Divisible::always).unit == 0);
  CHECK(plan_cut(launch_of({0}, {}), Divisible::always).unit == 0);
}

TEST_CASE("a number of dimensions that no launch has is cut nowhere outside the three there are") {
  wire::KernelLaunch launch = launch_of({4096, 4096, 4096}, {});
  launch.dimensions = 0;
  CHECK(plan_cut(launch, Divisible::always).unit == 0);
  launch.dimensions = UINT32_MAX;
  CHECK(plan_cut(launch, Divisible::always).dimension == 2);
}

TEST_CASE("pieces cover the range exactly once, in whole work-groups, whatever the sizes") {
  std::mt19937_64 random(GENERATE(range(1u, 200u)));
  const auto up_to = [&](std::uint64_t most) { return 1 + random() % most; };
  wire::KernelLaunch launch;
  launch.dimensions = static_cast<std::uint32_t>(up_to(3));
  const bool local_given = random() % 2 == 0;
  for (std::uint32_t i = 0; i < launch.dimensions; ++i) {
    launch.local_size[i] = local_given ? up_to(64) : 0;
    launch.global_size[i] = local_given ? launch.local_size[i] * up_to(3000) : up_to(1ull << (random() % 40));
  }
  CutLaunch cut = plan_cut(launch, Divisible::always);
  if (cut.unit == 0) return;
  REQUIRE(cut.whole == launch.global_size[cut.dimension]);
  if (local_given) REQUIRE(cut.unit == launch.local_size[cut.dimension]);
  const Nanoseconds whole_ns = up_to(10 * ns_per_s), piece_ns = whole_ns / up_to(1000);
  std::size_t pieces = 0;
  while (cut.done < cut.whole) {
    // Both change from piece to piece as more is known.
    const LaunchPiece piece = next_piece(cut, random() % 50 == 0 ? 0 : piece_ns, whole_ns / up_to(2));
    REQUIRE(piece.dimension == cut.dimension);
    REQUIRE(piece.first == cut.done);
    REQUIRE(piece.items > 0);
    REQUIRE(piece.items <= cut.whole - cut.done);
    const bool last = piece.first + piece.items == cut.whole;
    if (!last) REQUIRE(piece.items % cut.unit == 0);
    cut.done += piece.items;
    REQUIRE(++pieces <= 2 * 1000 + 1);
  }
  CHECK(cut.done == cut.whole);
}

TEST_CASE("a launch that is short enough goes whole, and so does a rest that is not worth a launch") {
  CutLaunch cut{0, 64, 6400, 0};
  CHECK(next_piece(cut, 0, ns_per_s).items == 6400);
  CHECK(next_piece(cut, ns_per_ms, ns_per_ms).items == 6400);
  CHECK(next_piece(cut, ns_per_ms, 10 * ns_per_ms).items == 640);
  CHECK(next_piece(cut, 1, ns_per_s).items == 64);
  cut.done = 6400 - 900;
  CHECK(next_piece(cut, ns_per_ms, 10 * ns_per_ms).items == 900);
}

TEST_CASE("the largest numbers do not overflow") {
  const CutLaunch cut{0, 1, UINT64_MAX, 0};
  CHECK(next_piece(cut, ns_per_s, UINT64_MAX).items == ns_per_s);
  CHECK(part_of(UINT64_MAX, UINT64_MAX / 2, UINT64_MAX) == UINT64_MAX / 2);
}

}  // namespace
}  // namespace sluice::worker
