#include "daemon/server/cache/tree_removal.h"

#include "tests/daemon/server/cache/scratch_folder.h"

using namespace sluice;
using namespace sluice::server;
using namespace sluice::test;

namespace {

struct Place {
  ScratchFolder scratch;
  UniqueFd cache, removed;

  Place() {
    REQUIRE(mkdir(scratch.at("removed").c_str(), 0700) == 0);
    cache = open_folder(AT_FDCWD, scratch.path().c_str()).take();
    removed = open_folder(AT_FDCWD, scratch.at("removed").c_str()).take();
  }
  std::string tree() const { return scratch.at("tree"); }
  void put_tree_aside() const { REQUIRE(put_aside(cache.get(), "tree", removed.get()).ok()); }
  bool is_empty() const { return std::filesystem::is_empty(scratch.at("removed")); }
};

WorkBudget much() { return {10'000'000, now_ns() + 60 * ns_per_s}; }

}  // namespace

TEST_CASE("a tree 10,000 folders deep is removed") {
  const Place place;
  make_deep(place.tree(), 10'000);
  place.put_tree_aside();
  CHECK_FALSE(std::filesystem::exists(place.tree()));
  WorkBudget budget = much();
  CHECK(delete_removed(place.removed.get(), budget));
  CHECK(place.is_empty());
}

TEST_CASE("a folder of 100,000 entries is removed bit by bit") {
  const Place place;
  REQUIRE(mkdir(place.tree().c_str(), 0700) == 0);
  for (int i = 0; i < 100'000; ++i)
    REQUIRE(mknod((place.tree() + "/" + std::to_string(i)).c_str(), S_IFREG | 0600, 0) == 0);
  place.put_tree_aside();
  int rounds = 0;
  for (bool done = false; !done; ++rounds) {
    WorkBudget budget{10'000, now_ns() + 60 * ns_per_s};
    done = delete_removed(place.removed.get(), budget);
    REQUIRE(rounds < 20);
  }
  CHECK(rounds >= 10);
  CHECK(place.is_empty());
}

TEST_CASE("links, pipes, sockets, devices and strange names are removed, and what links lead to is left alone") {
  const Place place;
  const ScratchFolder outside;
  make_file(outside.at("precious"));
  make_strange(place.tree(), outside.path());
  place.put_tree_aside();
  WorkBudget budget = much();
  CHECK(delete_removed(place.removed.get(), budget));
  CHECK(place.is_empty());
  CHECK(std::filesystem::exists(outside.at("precious")));
}

TEST_CASE("a link can be put aside itself, not what it leads to") {
  const Place place;
  const ScratchFolder outside;
  make_file(outside.at("precious"));
  REQUIRE(symlink(outside.path().c_str(), place.tree().c_str()) == 0);
  CHECK_FALSE(open_folder(place.cache.get(), "tree").ok());
  place.put_tree_aside();
  WorkBudget budget = much();
  CHECK(delete_removed(place.removed.get(), budget));
  CHECK(std::filesystem::exists(outside.at("precious")));
}

TEST_CASE("a removal ends with its budget, its time, or when it is told to stop") {
  const Place place;
  make_deep(place.tree(), 10);
  place.put_tree_aside();
  const std::atomic<bool> stop{true};
  WorkBudget none{0, now_ns() + ns_per_s}, late{1000, now_ns()}, stopped{1000, now_ns() + ns_per_s, &stop};
  for (WorkBudget* budget : {&none, &late, &stopped}) CHECK_FALSE(delete_removed(place.removed.get(), *budget));
  CHECK_FALSE(place.is_empty());
}

TEST_CASE("what is not there cannot be put aside") {
  const Place place;
  CHECK(put_aside(place.cache.get(), "tree", place.removed.get()).code() == Code::not_found);
}
