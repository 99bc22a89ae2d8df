#include "daemon/cgroups/cgroups.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <catch2/catch.hpp>

#include "tests/daemon/cgroups/fake_kernel.h"

using namespace sluice;
using namespace sluice::cgroups;
using sluice::test::FakeKernel;

namespace {

const PoolGroup place{"/sluice", "p"};
const Limits limits{1 << 30, 512, {}};

Cgroups open_pool(const FakeKernel& kernel) {
  auto opened = Cgroups::open(kernel, kernel.hierarchies(), place);
  INFO(opened.status().message());
  REQUIRE(opened.ok());
  return opened.take();
}

WorkerCgroup make_worker(const FakeKernel& kernel, std::uint32_t number, const Limits& of = limits) {
  auto made = open_pool(kernel).make(number, of);
  INFO(made.status().message());
  REQUIRE(made.ok());
  return made.take();
}

bool wrote(const FakeKernel& kernel, const std::string& what) {
  return std::find(kernel.writes.begin(), kernel.writes.end(), what) != kernel.writes.end();
}

CpuCount count_of(std::string_view text, bool unified) {
  UniqueFd file(memfd_create("count", MFD_CLOEXEC));
  REQUIRE(write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return CpuCount(std::move(file), unified);
}

}  // namespace

TEST_CASE("a worker has groups in each tree of v1, and enters all of them") {
  const FakeKernel kernel = FakeKernel::hybrid();
  const WorkerCgroup worker = make_worker(kernel, 7);
  const auto files = worker.procs_files();
  for (const char* tree : {"cpu", "cpuacct", "memory", "pids", "freezer", "unified"})
    CHECK(std::count(files.begin(), files.end(), std::string("/cg/") + tree + "/sluice/p/7/worker/cgroup.procs") == 1);
  REQUIRE(files.size() == 6);
  CHECK(files.front() == "/cg/unified/sluice/p/7/worker/cgroup.procs");
  CHECK(files.back() == "/cg/cpu/sluice/p/7/worker/cgroup.procs");
}

TEST_CASE("a worker that is bound to CPUs is so in each tree that can bind it") {
  const Limits bound{1 << 30, 512, {}, "2-3"};
  const FakeKernel v1 = FakeKernel::hybrid_with_cpuset();
  const WorkerCgroup worker = make_worker(v1, 7, bound);
  for (const char* group : {"/cg/cpuset/sluice/p/7", "/cg/cpuset/sluice/p/7/worker"}) {
    CHECK(v1.files[group + std::string("/cpuset.cpus")] == "2-3");
    CHECK(v1.files[group + std::string("/cpuset.mems")] == "0");
  }
  CHECK(v1.files["/cg/cpuset/sluice/p/cpuset.cpus"] == "0-3");
  const auto files = worker.procs_files();
  CHECK(std::count(files.begin(), files.end(), "/cg/cpuset/sluice/p/7/worker/cgroup.procs") == 1);
  const FakeKernel v2 = FakeKernel::unified();
  (void)make_worker(v2, 7, bound);
  CHECK(v2.files["/cg/sluice/p/7/cpuset.cpus"] == "2-3");
}

TEST_CASE("a worker that is not bound has no group in a tree that could only bind it, and is removed all the same") {
  const FakeKernel kernel = FakeKernel::hybrid_with_cpuset();
  WorkerCgroup worker = make_worker(kernel, 7);
  CHECK_FALSE(kernel.groups.contains("/cg/cpuset/sluice/p/7"));
  CHECK(worker.procs_files().size() == 6);
  CHECK(worker.remove());
}

TEST_CASE("where groups bind no workers to CPUs, workers have groups as ever") {
  const Limits bound{1 << 30, 512, {}, "2-3"};
  const FakeKernel without = FakeKernel::unified("cpu memory pids");
  CHECK_FALSE(make_worker(without, 7, bound).procs_files().empty());
  FakeKernel denied = FakeKernel::hybrid_with_cpuset();
  denied.files["/cg/cpuset/cpuset.cpus"] = "";
  denied.without = {"cpuset.cpus"};
  CHECK(make_worker(denied, 7, bound).procs_files().size() == 6);
}

TEST_CASE("memory and processes are bounded for the session, CPU time for its worker") {
  const FakeKernel v1 = FakeKernel::hybrid();
  (void)make_worker(v1, 7, {1 << 30, 100, 500});
  CHECK(v1.files["/cg/memory/sluice/p/7/memory.limit_in_bytes"] == "1073741824");
  CHECK(v1.files["/cg/memory/sluice/p/7/memory.memsw.limit_in_bytes"] == "1073741824");
  CHECK(v1.files["/cg/pids/sluice/p/7/pids.max"] == "100");
  CHECK(v1.files["/cg/cpu/sluice/p/7/worker/cpu.cfs_quota_us"] == "5000");
  CHECK(v1.files["/cg/cpu/sluice/p/7/worker/cpu.cfs_period_us"] == "10000");

  const FakeKernel v2 = FakeKernel::unified();
  (void)make_worker(v2, 7, {1 << 30, 100, 500});
  CHECK(v2.files["/cg/sluice/p/7/memory.max"] == "1073741824");
  CHECK(v2.files["/cg/sluice/p/7/memory.swap.max"] == "0");
  CHECK(v2.files["/cg/sluice/p/7/memory.oom.group"] == "1");
  CHECK(v2.files["/cg/sluice/p/7/pids.max"] == "100");
  CHECK(v2.files["/cg/sluice/p/7/worker/cpu.max"] == "5000 10000");
}

TEST_CASE("what is left of a period's CPU time may be used in a later one, up to as much again") {
  const FakeKernel v1 = FakeKernel::hybrid(), v2 = FakeKernel::unified();
  WorkerCgroup first = make_worker(v1, 7, {1 << 30, 100, 500}), second = make_worker(v2, 7, {1 << 30, 100, 500});
  CHECK(v1.files["/cg/cpu/sluice/p/7/worker/cpu.cfs_burst_us"] == "5000");
  CHECK(v2.files["/cg/sluice/p/7/worker/cpu.max.burst"] == "5000");
  v1.writes.clear();
  v2.writes.clear();
  CHECK(first.limit_cpu(250).ok());
  CHECK(second.limit_cpu(250).ok());
  for (const FakeKernel* kernel : {&v1, &v2}) {  // never more than the quota
    CHECK(kernel->writes.front().ends_with("=0"));
    CHECK(kernel->writes.back().ends_with("=2500"));
  }
}

TEST_CASE("a memory limit can be raised and lowered, whatever the limit with swap was") {
  const FakeKernel kernel = FakeKernel::hybrid();
  WorkerCgroup worker = make_worker(kernel, 1);
  for (const std::uint64_t bytes : {4ull << 30, 1ull << 30, 8ull << 30}) {
    CHECK(worker.limit_memory(bytes).ok());
    CHECK(kernel.files["/cg/memory/sluice/p/1/memory.limit_in_bytes"] == std::to_string(bytes));
    CHECK(kernel.files["/cg/memory/sluice/p/1/memory.memsw.limit_in_bytes"] == std::to_string(bytes));
  }
}

TEST_CASE("a CPU limit can be lifted") {
  const FakeKernel v1 = FakeKernel::hybrid(), v2 = FakeKernel::unified();
  CHECK(make_worker(v1, 1, {1 << 30, 1, 250}).limit_cpu({}).ok());
  CHECK(v1.files["/cg/cpu/sluice/p/1/worker/cpu.cfs_quota_us"] == "-1");
  CHECK(make_worker(v2, 1, {1 << 30, 1, 250}).limit_cpu({}).ok());
  CHECK(v2.files["/cg/sluice/p/1/worker/cpu.max"] == "max");
}

TEST_CASE("a CPU limit has a period of 10 ms, or a longer one if its part of that were below what the kernel takes") {
  CHECK(cpu_quota(2000) == CpuQuota{20'000, 10'000});
  CHECK(cpu_quota(100) == CpuQuota{1'000, 10'000});
  CHECK(cpu_quota(50) == CpuQuota{1'000, 20'000});
  CHECK(cpu_quota(1) == CpuQuota{1'000, 1'000'000});
  CHECK(cpu_quota(0) == CpuQuota{1'000, 1'000'000});
}

TEST_CASE("CPU time is read in nanoseconds from either kind of file") {
  CHECK(count_of("123456789\n", false).cpu_ns() == 123456789);
  CHECK(count_of("usage_usec 42\nuser_usec 40\nsystem_usec 2\nnr_periods 0\nnr_throttled 0\n", true).cpu_ns() ==
        42'000);
  CHECK_FALSE(count_of("", false).cpu_ns().has_value());
  CHECK_FALSE(count_of("nonsense", true).cpu_ns().has_value());
}

TEST_CASE("kills for want of memory are counted") {
  const FakeKernel v1 = FakeKernel::hybrid(), v2 = FakeKernel::unified();
  const WorkerCgroup first = make_worker(v1, 1), second = make_worker(v2, 1);
  CHECK(first.memory_kills() == 0);
  v1.files["/cg/memory/sluice/p/1/worker/memory.oom_control"] = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
  v2.files["/cg/sluice/p/1/worker/memory.events"] = "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n";
  CHECK(first.memory_kills() == 3);
  CHECK(second.memory_kills() == 2);
}

TEST_CASE("a kill lifts the CPU limit first, so that what is throttled dies at once") {
  const FakeKernel kernel = FakeKernel::unified();
  WorkerCgroup worker = make_worker(kernel, 1, {1 << 30, 1, 250});
  kernel.writes.clear();
  worker.kill();
  CHECK(kernel.writes == std::vector<std::string>{"/cg/sluice/p/1/worker/cpu.max=max", "/cg/sluice/p/1/cgroup.kill=1"});
}

TEST_CASE("a machine with trees of v1 kills by its unified tree, and stops processes first where that has no kill") {
  const FakeKernel kernel = FakeKernel::hybrid();
  make_worker(kernel, 1).kill();
  CHECK(wrote(kernel, "/cg/unified/sluice/p/1/cgroup.kill=1"));

  FakeKernel older = FakeKernel::hybrid();
  older.without = {"cgroup.kill", "cgroup.freeze"};
  make_worker(older, 1).kill();
  CHECK(wrote(older, "/cg/freezer/sluice/p/1/freezer.state=FROZEN"));
  CHECK(older.files["/cg/freezer/sluice/p/1/freezer.state"] == "THAWED");
}

TEST_CASE("a removed worker leaves no group, and one with processes stays until they have ended") {
  FakeKernel kernel = FakeKernel::hybrid();
  WorkerCgroup worker = make_worker(kernel, 1);
  kernel.busy = {"/cg/memory/sluice/p/1/worker"};
  CHECK_FALSE(worker.remove());
  kernel.busy.clear();
  CHECK(worker.remove());
  CHECK(worker.remove());
  open_pool(kernel).remove();
  CHECK(kernel.groups.size() == 6);  // the trees' roots
}

TEST_CASE("a new daemon finds the groups of workers that live, and those of workers that do not") {
  const FakeKernel kernel = FakeKernel::hybrid();
  for (const std::uint32_t number : {3, 5, 8}) (void)make_worker(kernel, number);
  const Cgroups pool = open_pool(kernel);
  CHECK(pool.adopt(5).ok());
  CHECK(pool.adopt(4).status().code() == Code::not_found);
  std::vector<std::uint32_t> left;
  for (const WorkerCgroup& group : pool.leftovers({5})) left.push_back(group.number());
  CHECK(left == std::vector<std::uint32_t>{3, 8});
}

TEST_CASE("groups of other names are nobody's leftovers") {
  const FakeKernel kernel = FakeKernel::unified();
  const Cgroups pool = open_pool(kernel);
  for (const char* name : {"init.scope", "7x", "-1", "99999999999"})
    REQUIRE(kernel.make_folder(std::string("/cg/sluice/p/") + name) == 0);
  CHECK(pool.leftovers({}).empty());
}

TEST_CASE("two pools never meet") {
  CHECK(pool_name("/run/sluice") == pool_name("/run/sluice"));
  CHECK(pool_name("/run/sluice") != pool_name("/run/sluice2"));
  CHECK(pool_name("/run/sluice").size() == 16);
}

TEST_CASE("a machine without a controller is refused by the controller's name") {
  const FakeKernel kernel = FakeKernel::unified("cpu io");
  const auto opened = Cgroups::open(kernel, kernel.hierarchies(), place);
  CHECK(opened.status().code() == Code::unsupported);
  CHECK(opened.status().message() == "this machine offers no control group for: memory pids");
  const auto none = Cgroups::open(kernel, {}, place);
  CHECK(none.status().message() == "this machine has no control groups mounted (/sys/fs/cgroup)");
}

TEST_CASE("a group that has processes of its own, or belongs to others, is refused with a reason") {
  FakeKernel kernel = FakeKernel::unified();
  kernel.busy = {"/cg"};
  const auto busy = Cgroups::open(kernel, kernel.hierarchies(), place);
  CHECK(busy.status().code() == Code::unavailable);
  CHECK(busy.status().message().find("jail.cgroup") != std::string::npos);

  FakeKernel foreign = FakeKernel::hybrid();
  foreign.folder_error = EACCES;
  const auto refused = Cgroups::open(foreign, foreign.hierarchies(), place);
  CHECK(refused.status().code() == Code::permission_denied);
  CHECK(refused.status().message().find("/sluice") != std::string::npos);
}

TEST_CASE("a worker whose limit cannot be set is not made") {
  FakeKernel kernel = FakeKernel::unified();
  const Cgroups pool = open_pool(kernel);
  kernel.failing["/cg/sluice/p/4/pids.max"] = EIO;
  CHECK_FALSE(pool.make(4, limits).ok());
  CHECK_FALSE(kernel.exists("/cg/sluice/p/4"));
}

TEST_CASE("groups go to what systemd delegates, to what it delegates to the user, or below the root") {
  const FakeKernel kernel = FakeKernel::unified();
  CHECK(default_group(kernel, kernel.hierarchies(), "0::/\n") == "/sluice");
  CHECK(default_group(kernel, kernel.hierarchies(),
                      "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n") ==
        "/user.slice/user-1000.slice/user@1000.service/sluice");
  CHECK(default_group(kernel, kernel.hierarchies(), "0::/user.slice/user-1000.slice/session-2.scope\n") == "/sluice");
  kernel.make_folder("/cg/sluice.slice");
  kernel.make_folder("/cg/sluice.slice/sluice-workers.service");
  CHECK(default_group(kernel, kernel.hierarchies(), "0::/\n") == "/sluice.slice/sluice-workers.service");
}
