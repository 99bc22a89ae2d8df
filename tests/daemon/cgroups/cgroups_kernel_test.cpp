// The groups of this machine's kernel, with processes in them. Where they cannot be made, each test says why and
// passes.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <optional>
#include <thread>
#include <vector>

#include "daemon/cgroups/cgroups.h"

using namespace sluice;
using namespace sluice::cgroups;

namespace {

constexpr Limits roomy{1ull << 30, 64, {}};

void sleep_ms(unsigned ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

Result<Cgroups> open_here(bool unified) {
  const GroupFiles& files = kernel_group_files();
  auto hierarchies = find_hierarchies(files, files.read("/proc/self/mountinfo"));
  if (!unified) std::erase_if(hierarchies, [](const Hierarchy& hierarchy) { return hierarchy.unified; });
  return Cgroups::open(
      files, hierarchies,
      {default_group(files, hierarchies, files.read("/proc/self/cgroup")), "test-" + std::to_string(getpid())});
}

// A pool of the test's own. REQUIRES, of tests: `if (!pool) return;`.
class Pool {
 public:
  // unified: the unified tree may be used.
  explicit Pool(bool unified = true) {
    auto opened = open_here(unified);
    if (opened.ok()) cgroups_.emplace(opened.take());
    else WARN("skipped: " << opened.status().message());
  }
  ~Pool() {
    if (!cgroups_) return;
    for (const WorkerCgroup& group : cgroups_->leftovers({})) group.removal()();
    cgroups_->remove();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  explicit operator bool() const { return cgroups_.has_value(); }
  const Cgroups* operator->() const { return &*cgroups_; }

  WorkerCgroup make(const Limits& limits) const {
    static std::uint32_t number = 0;
    auto made = cgroups_->make(++number, limits);
    INFO(made.status().message());
    REQUIRE(made.ok());
    return made.take();
  }

 private:
  std::optional<Cgroups> cgroups_;
};

template <typename Work>
pid_t start_in(const WorkerCgroup& group, Work work) {
  const auto files = group.procs_files();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  for (const std::string& file : files)
    if (kernel_group_files().write(file, "0") != 0) _exit(100);
  work();
  _exit(0);
}

[[noreturn]] void spin() {
  volatile unsigned n = 0;
  for (;;) n = n + 1;
}

int end_of(pid_t pid) {
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return status;
}

bool wait_for_end(pid_t pid, Nanoseconds ns_max) {
  const Nanoseconds deadline = now_ns() + ns_max;
  while (now_ns() < deadline) {
    if (waitpid(pid, nullptr, WNOHANG) == pid) return true;
    sleep_ms(1);
  }
  kill(pid, SIGKILL);
  return false;
}

// Of each group, over the same time.
std::vector<double> cores_used(const std::vector<const WorkerCgroup*>& groups, unsigned over_ms) {
  std::vector<double> used;
  const Nanoseconds began = now_ns();
  for (const WorkerCgroup* group : groups) used.push_back(-static_cast<double>(*group->cpu()->cpu_ns()));
  sleep_ms(over_ms);
  for (std::size_t i = 0; i < groups.size(); ++i) used[i] += static_cast<double>(*groups[i]->cpu()->cpu_ns());
  const auto passed = static_cast<double>(now_ns() - began);
  for (double& one : used) one /= passed;
  return used;
}

}  // namespace

TEST_CASE("a worker that may have a fifth of a core gets no more") {
  const Pool pool;
  if (!pool) return;
  WorkerCgroup group = pool.make({1ull << 30, 64, 200}), unbounded = pool.make(roomy);
  const pid_t pid = start_in(group, spin), unbounded_pid = start_in(unbounded, spin);
  sleep_ms(50);
  const std::vector<double> used = cores_used({&group, &unbounded}, 1000);
  CHECK(used[0] < 0.23);
  // Its bound is what holds it back. Other programs may, too: they hold back one without a bound as well.
  CHECK(used[0] > std::min(0.2, used[1]) / 4);
  for (WorkerCgroup* one : {&group, &unbounded}) one->kill();
  for (const pid_t ended : {pid, unbounded_pid}) end_of(ended);
}

TEST_CASE("the CPU time of children that have ended is counted") {
  const Pool pool;
  if (!pool) return;
  const WorkerCgroup group = pool.make(roomy);
  const pid_t pid = start_in(group, [] {
    const pid_t child = fork();
    if (child == 0)
      while (clock() < CLOCKS_PER_SEC / 10) {  // by its processor time: others may run
      }
    if (child > 0) waitpid(child, nullptr, 0);
  });
  CHECK(end_of(pid) == 0);
  CHECK(*group.cpu()->cpu_ns() > 50 * ns_per_ms);
}

TEST_CASE("memory beyond the limit ends the worker, and the kernel's reason is known") {
  const Pool pool;
  if (!pool) return;
  const WorkerCgroup group = pool.make({64 << 20, 64, {}});
  const pid_t pid = start_in(group, [] {
    constexpr std::size_t bytes = 256 << 20;
    auto* memory = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (std::size_t at = 0; at < bytes; at += 4096) memory[at] = 1;
  });
  const int status = end_of(pid);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(group.memory_kills() >= 1);
}

TEST_CASE("processes beyond the limit are not started") {
  const Pool pool;
  if (!pool) return;
  WorkerCgroup group = pool.make({1ull << 30, 8, {}});
  const pid_t pid = start_in(group, [] {
    int started = 0;
    while (started < 100) {
      const pid_t child = fork();
      if (child < 0) break;
      if (child == 0) {
        pause();
        _exit(0);
      }
      ++started;
    }
    _exit(started);
  });
  CHECK(WEXITSTATUS(end_of(pid)) == 7);
  group.kill();
}

TEST_CASE("a kill ends all processes within 100 ms, also those that are throttled") {
  const Pool pool;
  if (!pool) return;
  WorkerCgroup group = pool.make({1ull << 30, 64, 10});
  std::vector<pid_t> pids;
  for (int i = 0; i < 8; ++i) pids.push_back(start_in(group, spin));
  sleep_ms(300);
  const Nanoseconds began = now_ns();
  group.kill();
  for (const pid_t pid : pids) CHECK(wait_for_end(pid, ns_per_s));
  CHECK(now_ns() - began < 100 * ns_per_ms);
  while (!group.remove()) sleep_ms(1);
}

TEST_CASE("where only v1 is mounted, a kill stops processes that go on forking, and ends them") {
  const Pool pool(false);
  if (!pool) return;
  WorkerCgroup group = pool.make(roomy);
  const pid_t pid = start_in(group, [] {
    for (;;)
      if (fork() == 0) _exit(0);  // its parent waits for none: there are zombies up to the limit
      else if (fork() == 0) spin();
  });
  sleep_ms(50);
  const Nanoseconds began = now_ns();
  group.kill();
  CHECK(wait_for_end(pid, ns_per_s));
  CHECK(now_ns() - began < 200 * ns_per_ms);
  group.removal()();
  CHECK(pool->leftovers({}).empty());
}

TEST_CASE("a kill ends children that have left their parent, session and process group") {
  const Pool pool;
  if (!pool) return;
  WorkerCgroup group = pool.make(roomy);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t pid = start_in(group, [&] {
    for (int i = 0; i < 20; ++i)
      if (fork() == 0) {
        setsid();
        if (fork() == 0) pause();
        _exit(0);
      }
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  });
  close(ends[1]);
  CHECK(end_of(pid) == 0);
  group.kill();
  // They held the pipe's other end: it closes when the last of them is gone.
  char byte;
  CHECK(read(ends[0], &byte, 1) == 0);
  close(ends[0]);
  group.removal()();
  CHECK(pool->leftovers({}).empty());
}

TEST_CASE("a new daemon's handle of a living worker's group counts on, bounds and kills") {
  const Pool pool;
  if (!pool) return;
  const WorkerCgroup made = pool.make(roomy);
  const pid_t pid = start_in(made, spin);
  sleep_ms(100);
  auto adopted = pool->adopt(made.number());
  REQUIRE(adopted.ok());
  CHECK(*adopted.value().cpu()->cpu_ns() > 0);
  CHECK(adopted.value().limit({1ull << 30, 64, 500}).ok());
  adopted.value().kill();
  CHECK(wait_for_end(pid, ns_per_s));
}
