// Workers' control groups, on this machine's kernel. Where they cannot be made, each test says why and passes.
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <optional>

#include "daemon/cgroups/cgroups.h"
#include "daemon/server/runtime/files.h"
#include "daemon/server/workers/worker_groups.h"
#include "tests/daemon/server/pool_under_test.h"
#include "wire/arena.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::uint64_t session_bytes = 64 << 20;

bool groups_here() {
  const auto groups = server::WorkerGroups::open({}, "a test");
  if (!groups.ok()) WARN("skipped: " << groups.status().message());
  else groups.value().remove();
  return groups.ok();
}

// The pool's groups in the tree of one controller.
std::string base_of(const PoolUnderTest& pool, cgroups::Controller controller) {
  const cgroups::GroupFiles& files = cgroups::kernel_group_files();
  const auto trees = cgroups::find_hierarchies(files, files.read("/proc/self/mountinfo"));
  for (const cgroups::Hierarchy& tree : trees)
    if (tree.controllers.has(controller))
      return tree.mount + cgroups::default_group(files, trees, files.read("/proc/self/cgroup")) + "/" +
             cgroups::pool_name(pool.folder());
  return "";
}

// A file of a worker's group or its session's, by the name that either version has for it.
std::string read_of(const std::string& group, const std::string& v2, const std::string& v1) {
  std::string text = server::read_kernel_file(group + "/" + v2);
  if (text.empty()) text = server::read_kernel_file(group + "/" + v1);
  return text.substr(0, text.find('\n'));
}

std::vector<std::string> groups_of(const PoolUnderTest& pool) {
  return cgroups::kernel_group_files().folders(base_of(pool, cgroups::Controller::memory));
}

// The group of the one worker that serves.
std::string serving_group(const PoolUnderTest& pool, cgroups::Controller controller) {
  const std::string bounded = std::to_string((2ull << 30) + wire::arena_bytes_for(session_bytes));
  const std::string memory = base_of(pool, cgroups::Controller::memory) + "/";
  for (const std::string& number : groups_of(pool))
    if (read_of(memory + number, "memory.max", "memory.limit_in_bytes") == bounded)
      return base_of(pool, controller) + "/" + number;
  return "";
}

// In thousandths of a core, of the worker that serves; nothing: it has no limit.
std::optional<std::uint64_t> cpu_limit(const PoolUnderTest& pool) {
  const std::string group = serving_group(pool, cgroups::Controller::cpu) + "/worker";
  const std::string quota = read_of(group, "cpu.max", "cpu.cfs_quota_us");
  REQUIRE_FALSE(quota.empty());
  if (quota == "-1" || quota.starts_with("max")) return std::nullopt;
  return std::stoull(quota) / 10;  // of each period of 10 ms
}

void ask(const PoolUnderTest& pool, const nlohmann::json& request) {
  const nlohmann::json reply = pool.ask(request);
  INFO(reply.dump());
  REQUIRE(reply.at("ok") == true);
}

}  // namespace

TEST_CASE("each worker has a group with all its processes, and a pool that has stopped leaves none") {
  if (!groups_here()) return;
  PoolUnderTest pool;
  const std::string base = base_of(pool, cgroups::Controller::memory);
  CHECK(pool.wait_until([&] { return groups_of(pool).size() == 2; }));
  for (const std::string& number : groups_of(pool)) {
    const std::string worker = base + "/" + number + "/worker";  // which enters it itself, a moment later
    CHECK(pool.wait_until([&] { return !read_of(worker, "cgroup.procs", "cgroup.procs").empty(); }));
    CHECK(read_of(base_of(pool, cgroups::Controller::pids) + "/" + number, "pids.max", "pids.max") == "512");
  }
  pool.stop_daemon();
  CHECK_FALSE(cgroups::kernel_group_files().exists(base));
}

TEST_CASE("a worker's group goes with it") {
  if (!groups_here()) return;
  const PoolUnderTest pool;
  const std::string gone = [&] {
    const Program program(pool, {"alice", 0, session_bytes});
    REQUIRE(program.granted());
    return serving_group(pool, cgroups::Controller::memory);
  }();
  REQUIRE_FALSE(gone.empty());
  CHECK(pool.wait_until([&] { return !cgroups::kernel_group_files().exists(gone); }));
}

TEST_CASE("the next daemon keeps the groups of workers that serve, and removes those of workers that have died") {
  if (!groups_here()) return;
  PoolUnderTest pool;
  const Program program(pool, {"alice", 0, session_bytes});
  REQUIRE(program.granted());
  const std::string kept = serving_group(pool, cgroups::Controller::memory);
  REQUIRE_FALSE(kept.empty());
  CHECK(pool.wait_until([&] { return groups_of(pool).size() == 3; }));
  const auto before = groups_of(pool);
  pool.kill_daemon();
  pool.start_daemon();
  CHECK(pool.wait_for_sessions(1));
  CHECK(serving_group(pool, cgroups::Controller::memory) == kept);
  CHECK(pool.wait_until([&] {
    const auto now = groups_of(pool);
    return std::count_if(before.begin(), before.end(),
                         [&](const auto& old) { return std::find(now.begin(), now.end(), old) != now.end(); }) == 1;
  }));
}

TEST_CASE(
    "a tenant's cap bounds the CPU time of its workers, also once it has changed and after a new daemon's start") {
  if (!groups_here()) return;
  PoolUnderTest pool({}, "processor");
  ask(pool, {{"verb", "tenant-create"},
             {"name", "bob"},
             {"cap_milli", 500},
             {"memory_bytes", session_bytes},
             {"rules", {{{"uid", getuid()}}}}});
  const Program program(pool, {"bob", 0, session_bytes});
  REQUIRE(program.granted());
  CHECK(cpu_limit(pool) == 8 * 550);
  ask(pool, {{"verb", "tenant-set"}, {"name", "bob"}, {"cap_milli", 100}});
  CHECK(cpu_limit(pool) == 8 * 150);
  pool.kill_daemon();
  pool.start_daemon();
  CHECK(pool.wait_for_sessions(1));
  CHECK(cpu_limit(pool) == 8 * 150);
  ask(pool, {{"verb", "tenant-set"}, {"name", "bob"}, {"cap_milli", 1000}});
  CHECK_FALSE(cpu_limit(pool).has_value());
}

TEST_CASE("a daemon that is told twice to stop leaves no group either") {
  if (!groups_here()) return;
  PoolUnderTest pool;
  const Program program(pool, {"alice", 0, session_bytes});
  const std::string base = base_of(pool, cgroups::Controller::memory);
  CHECK(cgroups::kernel_group_files().exists(base));
  kill(pool.daemon_pid(), SIGTERM);
  pool.stop_daemon();
  CHECK_FALSE(cgroups::kernel_group_files().exists(base));
}

TEST_CASE("without the fence there are no groups") {
  server::Config config;
  config.jail_without.add(Fence::cgroup);
  const PoolUnderTest pool(config);
  CHECK(groups_of(pool).empty());
}

TEST_CASE("a worker that needs more of the host's memory than it may have is ended, and the reason says so") {
  if (!groups_here()) return;
  server::Config config;
  config.worker_memory_bytes = 32 << 20;
  PoolUnderTest pool(config);
  pool.behave("greedy");
  const Program program(pool, {"alice", 0, session_bytes});  // takes a ready worker: another one is started
  CHECK(pool.wait_until([&] {
    return pool.ask({{"verb", "status"}}).dump().find("its worker needed more than 32 MiB of host memory") !=
           std::string::npos;
  }));
}

TEST_CASE("a cap bounds the CPU time of workers whose kernels run on the host, a little above it") {
  wire::DeviceTraits device;
  device.kind = wire::DeviceKind::cpu;
  device.compute_units = 8;
  CHECK(server::cpu_fence(device, MilliGpu{250}) == 8 * 300);
  CHECK_FALSE(server::cpu_fence(device, whole_gpu).has_value());
  device.kind = wire::DeviceKind::gpu;
  CHECK_FALSE(server::cpu_fence(device, MilliGpu{250}).has_value());
}
