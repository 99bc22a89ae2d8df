// What a registry is worth when its daemon is killed in the middle of anything.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "base/unique_fd.h"
#include "tests/daemon/store/store_rig.h"

using namespace sluice;
using namespace sluice::store;
using test::StoreFolder;
using test::tenant;

namespace {

constexpr int rounds = 60;

// The i-th change: a function of i and of what is there, so that parent and child can each work it out. Most are
// several changes in one.
std::vector<Change> change(std::uint64_t i, const TenantList& list) {
  std::mt19937_64 random(i);
  const auto name = [&random] { return "t" + std::to_string(random() % 20); };
  TenantRecord record = tenant(name(), {{RuleKind::uid, static_cast<std::uint32_t>(random() % 5), ""}});
  record.memory_bytes = 1 + random() % 1000;
  std::vector<Change> changes{PutTenant{record}};
  if (list.tokens_of(record.name).size() < 5)
    changes.push_back(PutToken{{std::to_string(i), std::string(32, 'h'), record.name, "", i}});
  if (const std::string other = name(); other != record.name && list.find(other) != nullptr)
    changes.push_back(RemoveTenant{other});
  return changes;
}

TenantList after(TenantList list, std::uint64_t i) {
  for (const Change& each : change(i, list)) REQUIRE(list.apply(each).ok());
  return list;
}

// Makes changes from `next` on, and says each one that is done.
[[noreturn]] void make_changes(const std::string& path, std::uint64_t next, int tell) {
  auto registry = Registry::open(path);
  if (!registry.ok()) _exit(1);
  for (;; ++next) {
    if (!registry.value().commit(change(next, registry.value().list())).ok()) _exit(2);
    if (write(tell, &next, sizeof next) != sizeof next) _exit(3);
  }
}

// Lets a child make changes for so long, kills it, and returns how many changes are known to be done.
std::uint64_t run_and_kill(const std::string& path, std::uint64_t next, useconds_t after_us) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const UniqueFd hear(ends[0]);
  UniqueFd tell(ends[1]);
  const pid_t child = fork();
  if (child == 0) make_changes(path, next, tell.get());
  tell.reset();
  usleep(after_us);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  for (std::uint64_t done; read(hear.get(), &done, sizeof done) == sizeof done;) next = done + 1;
  return next;
}

}  // namespace

TEST_CASE("a registry killed at any moment holds what was acknowledged, and at most the change in progress") {
  const StoreFolder folder;
  std::mt19937 random(4);
  TenantList model;
  std::uint64_t next = 0, in_progress = 0;
  // Until a change was acknowledged at all each further round waits longer: nobody knows how fast the disk is.
  for (int round = 0; round < rounds || (next == 0 && round < 3 * rounds); ++round) {
    const auto patience_us = static_cast<useconds_t>(round < rounds ? 30'000 : 5'000 * round);
    const std::uint64_t acknowledged = run_and_kill(folder.file(), next, random() % patience_us);
    for (; next < acknowledged; ++next) model = after(model, next);
    const auto registry = Registry::open(folder.file());
    INFO(registry.status().message());
    REQUIRE(registry.ok());
    if (registry.value().list() == model) continue;
    model = after(model, next++);
    ++in_progress;
    REQUIRE(registry.value().list() == model);
  }
  CHECK(next > 0);
  INFO(in_progress << " of " << rounds << " kills came between the commit and the answer");
}
