#include "daemon/sessions/move_page.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

namespace sluice {
namespace {

// As the other worker has it.
MoveWord map_again(const MoveWord& word) {
  auto mapped = MoveWord::map(UniqueFd(dup(word.fd())));
  REQUIRE(mapped.ok());
  return mapped.take();
}

TEST_CASE("a move is decided once, and both workers see how") {
  for (const bool commits : {true, false}) {
    auto made = MoveWord::make();
    REQUIRE(made.ok());
    MoveWord& word = made.value();
    MoveWord source = map_again(word);
    CHECK(source.state() == MoveState::prepared);
    CHECK((commits ? word.commit() : source.abort()));
    CHECK((commits ? word.commit() : source.abort()));
    CHECK_FALSE((commits ? source.abort() : word.commit()));
    CHECK(source.state() == (commits ? MoveState::committed : MoveState::aborted));
    CHECK(word.state() == source.state());
  }
}

TEST_CASE("of a commit and an abort at the same time one wins") {
  for (int i = 0; i < 200; ++i) {
    auto made = MoveWord::make();
    REQUIRE(made.ok());
    MoveWord source = map_again(made.value());
    bool aborted = false;
    std::thread other([&] { aborted = source.abort(); });
    const bool committed = made.value().commit();
    other.join();
    CHECK(committed != aborted);
  }
}

TEST_CASE("who waits for the decision is woken by it, and not before his deadline otherwise") {
  auto made = MoveWord::make();
  REQUIRE(made.ok());
  MoveWord target = map_again(made.value());
  CHECK(target.wait(now_ns() + 2 * ns_per_ms) == MoveState::prepared);
  std::thread daemon([&] { made.value().commit(); });
  CHECK(target.wait(now_ns() + 60 * ns_per_s) == MoveState::committed);
  daemon.join();
}

TEST_CASE("a word that nobody may have written counts as aborted") {
  auto made = MoveWord::make();
  REQUIRE(made.ok());
  for (const std::uint32_t wrong : {0u, 4u, UINT32_MAX}) {
    made.value().page().word = wrong;
    CHECK(made.value().state() == MoveState::aborted);
    CHECK_FALSE(made.value().commit());
  }
}

TEST_CASE("a descriptor that is no move page is refused") {
  auto small = wire::SharedMemory::create("small", 64);
  REQUIRE(small.ok());
  CHECK_FALSE(MoveWord::map(small.value().take_fd()).ok());
}

}  // namespace
}  // namespace sluice
