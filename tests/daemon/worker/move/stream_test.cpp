#include "daemon/worker/move/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>
#include <utility>

namespace sluice::worker {
namespace {

constexpr std::uint64_t bytes_max = 64 << 20;

Nanoseconds soon() { return now_ns() + 10 * ns_per_s; }

std::pair<UniqueFd, UniqueFd> connected() {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

TEST_CASE("frames arrive whole and in order, the large ones too, and one brings descriptors") {
  auto ends = connected();
  const MoveStream source(std::move(ends.first)), target(std::move(ends.second));
  std::vector<std::byte> large(20 << 20);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::byte>(i * 13);
  std::thread sender([&] {
    CHECK(source.send(MoveFrame::objects, {}, soon()).ok());
    CHECK(source.send(MoveFrame::contents, std::span(large).first(8), std::span(large).subspan(8), soon()).ok());
    const int descriptors[] = {STDIN_FILENO, STDERR_FILENO};
    CHECK(source.send(MoveFrame::rest, std::span(large).first(3), soon(), descriptors).ok());
  });
  const auto objects = target.receive({MoveFrame::objects}, bytes_max, soon());
  CHECK((objects.ok() && objects.value().bytes.empty() && objects.value().descriptors.empty()));
  const auto contents = target.receive({MoveFrame::objects, MoveFrame::contents}, bytes_max, soon());
  REQUIRE(contents.ok());
  CHECK(contents.value().kind == MoveFrame::contents);
  CHECK(contents.value().bytes == large);
  const auto rest = target.receive({MoveFrame::rest}, bytes_max, soon());
  REQUIRE(rest.ok());
  CHECK((rest.value().bytes.size() == 3 && rest.value().descriptors.size() == move_fds));
  sender.join();
}

TEST_CASE("a frame that does not come next, or is too long, is refused before its bytes are taken") {
  auto ends = connected();
  const MoveStream source(std::move(ends.first)), target(std::move(ends.second));
  const std::vector<std::byte> bytes(100);
  REQUIRE(source.send(MoveFrame::rest, bytes, soon()).ok());
  CHECK(target.receive({MoveFrame::objects}, bytes_max, soon()).status().code() == Code::protocol_fault);
  auto others = connected();
  const MoveStream sender(std::move(others.first)), receiver(std::move(others.second));
  REQUIRE(sender.send(MoveFrame::rest, bytes, soon()).ok());
  CHECK(receiver.receive({MoveFrame::rest}, 99, soon()).status().code() == Code::protocol_fault);
}

TEST_CASE("the other side's end, or its silence, ends the wait") {
  auto ends = connected();
  const MoveStream target(std::move(ends.second));
  CHECK(target.receive({MoveFrame::rest}, bytes_max, now_ns() + ns_per_ms).status().code() == Code::deadline_exceeded);
  ends.first.reset();
  CHECK(target.receive({MoveFrame::rest}, bytes_max, soon()).status().code() == Code::unavailable);
  CHECK(target.send(MoveFrame::made, {}, soon()).code() == Code::unavailable);
}

TEST_CASE("a length that no bytes follow takes no memory") {
  auto ends = connected();
  const MoveStream target(std::move(ends.second));
  const std::uint64_t header[] = {static_cast<std::uint64_t>(MoveFrame::rest), 1ull << 40};
  REQUIRE(::write(ends.first.get(), header, sizeof header) == sizeof header);
  ends.first.reset();
  CHECK(target.receive({MoveFrame::rest}, 1ull << 41, soon()).status().code() == Code::unavailable);
}

}  // namespace
}  // namespace sluice::worker
