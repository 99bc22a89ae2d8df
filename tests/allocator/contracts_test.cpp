// What callers of the allocator owe it is checked: a breach ends the process and names itself.
#include "allocator/explanation.h"
#include "allocator/planner.h"
#include "allocator/resize_check.h"
#include "tests/allocator/shares.h"
#include "tests/base/run_apart.h"

using namespace sluice;
using namespace sluice::allocator;
using test::run_apart;
using test::share;

namespace {

std::string said_by(const std::function<void()>& breach) {
  const test::Ended ended = run_apart(breach);
  CHECK(ended.signal == SIGABRT);
  return ended.words;
}

}  // namespace

TEST_CASE("a pool is not made of more devices than a node may have") {
  CHECK_THAT(said_by([] { Pool pool(test::nodes_of({devices_per_node_max + 1})); }),
             Catch::Contains("devices_per_node_max"));
}

TEST_CASE("a pool shows no node that it has not") {
  const Pool pool(test::nodes_of({2, 1}));
  CHECK_THAT(said_by([&] { (void)pool.view(2); }), Catch::Contains("node < nodes_.size()"));
  CHECK_THAT(said_by([&] { (void)pool.slices_on(2); }), Catch::Contains("node < nodes_.size()"));
}

TEST_CASE("a planner and a chooser of two pools do not work together") {
  Pool one(test::nodes_of({1})), other(test::nodes_of({1}));
  Chooser chooser(other, default_machine_policy());
  CHECK_THAT(said_by([&] { Planner(one, default_machine_policy(), chooser); }), Catch::Contains("chooser.pool()"));
}

TEST_CASE("only a move that was tried can be undone") {
  Pool pool(test::nodes_of({2}));
  REQUIRE(pool.place(1, share(100), {0, 1}).ok());
  REQUIRE(pool.move(1, {0, 2}).ok());
  CHECK_THAT(said_by([&] { pool.undo_move(); }), Catch::Contains("tried_moves_"));
}

TEST_CASE("a change that the log has forgotten cannot be asked for") {
  Pool pool(test::nodes_of({1}));
  CHECK_THAT(said_by([&] { (void)pool.changes()[0]; }), Catch::Contains("a requirement is broken"));
}

TEST_CASE("a slice that does not exist is not checked for a resize") {
  const Pool pool(test::nodes_of({1}));
  const Resize resize{7, share(100)};
  CHECK_THAT(said_by([&] { (void)check_resizes(pool, {&resize, 1}); }), Catch::Contains("a requirement is broken"));
}

TEST_CASE("a request that fits is not explained") {
  const Pool pool(test::nodes_of({1}));
  CHECK_THAT(said_by([&] { (void)explain(pool, share(100)); }), Catch::Contains("fits_nowhere"));
}
