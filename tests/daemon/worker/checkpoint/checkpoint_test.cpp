#include "daemon/worker/checkpoint/checkpoint.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

namespace sluice::worker {
namespace {

std::vector<std::byte> bytes_of(const char* text) {
  const auto bytes = std::as_bytes(std::span(text, std::strlen(text)));
  return {bytes.begin(), bytes.end()};
}

Checkpoint full_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.objects.resize(2);
  checkpoint.objects[0] = {bytes_of("create"),  bytes_of("build"), wire::Outcome::ok, true, true, "log",
                           UserEventState::none};
  checkpoint.objects[1].user_event = UserEventState::failed;
  checkpoint.queues = {{1, 9, 7, 8}, {2, 0, 0, 0}};
  checkpoint.events = {{5, wire::Outcome::ok}, {6, wire::Outcome::wait_list_failed}};
  checkpoint.held = {{bytes_of("launch"), 64, 1'000, wire::Outcome::ok}};
  checkpoint.durations = {1, 2, 3};
  checkpoint.ring_position = 1ull << 40;
  checkpoint.host_in_seen = 3, checkpoint.host_out_seen = 4;
  checkpoint.arena_at_home = true;
  checkpoint.rested_ns = 77;
  return checkpoint;
}

TEST_CASE("a checkpoint comes back as it was") {
  for (const Checkpoint& checkpoint : {full_checkpoint(), Checkpoint()}) {
    const auto read = decode_checkpoint(encode_checkpoint(checkpoint));
    REQUIRE(read.ok());
    CHECK(read.value() == checkpoint);
  }
}

TEST_CASE("a checkpoint that is cut short anywhere, or goes on, is refused") {
  auto bytes = encode_checkpoint(full_checkpoint());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_FALSE(decode_checkpoint(std::span(bytes).first(length)).ok());
  bytes.push_back(std::byte{0});
  CHECK_FALSE(decode_checkpoint(bytes).ok());
}

TEST_CASE("a checkpoint with any byte changed is refused") {
  const auto bytes = encode_checkpoint(full_checkpoint());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto changed = bytes;
    changed[at] ^= std::byte{0x10};
    REQUIRE_FALSE(decode_checkpoint(changed).ok());
  }
}

TEST_CASE("a checkpoint of a newer version is refused, and the reason names both versions") {
  auto bytes = encode_checkpoint(full_checkpoint());
  bytes[4] = std::byte{checkpoint_version + 1};
  const auto refused = decode_checkpoint(bytes);
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.status().message(), Catch::Contains("version " + std::to_string(checkpoint_version + 1)));
  CHECK_THAT(refused.status().message(), Catch::Contains("reads " + std::to_string(checkpoint_version)));
}

TEST_CASE("something else than a checkpoint is refused") {
  CHECK_FALSE(decode_checkpoint({}).ok());
  CHECK_FALSE(decode_checkpoint(bytes_of("no checkpoint at all, but long enough")).ok());
}

}  // namespace
}  // namespace sluice::worker
