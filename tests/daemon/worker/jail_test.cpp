#include "daemon/worker/jail.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/unique_fd.h"

namespace sluice::worker {
namespace {

// A folder of the test's own, and a file beside it that the jail hides.
struct Place {
  Place() {
    char name[] = "/tmp/sluice-jail-XXXXXX";
    root = mkdtemp(name);
    inside = root + "/inside";
    outside = root + "/outside";
    REQUIRE(system(("mkdir " + inside + " && echo secret > " + outside).c_str()) == 0);
  }
  ~Place() { (void)!system(("rm -r " + root).c_str()); }
  std::string root, inside, outside;
};

bool enter_jail(const Place& place, const FenceSet& without = {}) {
  return shut_jail(without).ok() && tighten_jail(without, {{}, {place.inside}}).ok();
}

// A jail is for good: each check runs in a child. Returns what it says; 99: it could not enter.
template <typename Check>
int jailed(const Place& place, Check check) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(enter_jail(place) ? check() : 99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

// Without Landlock the kernel cannot hide files, and there is nothing to prove.
bool kernel_hides_files() { return syscall(444 /* landlock_create_ruleset */, nullptr, 0, 1) > 0; }

// 0 if the file opens, else errno.
int open_error(const std::string& path, int flags) {
  const UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
  return fd.valid() ? 0 : errno;
}

TEST_CASE("a jailed worker writes its own folder and reads nothing of the tenant's host") {
  const Place place;
  CHECK(jailed(place, [&] { return open_error(place.inside + "/new", O_CREAT | O_WRONLY); }) == 0);
  if (kernel_hides_files()) CHECK(jailed(place, [&] { return open_error(place.outside, O_RDONLY); }) == EACCES);
}

// From now on as on a kernel that has no Landlock.
bool lose_landlock() {
  constexpr unsigned create_ruleset = 444, number_at = offsetof(seccomp_data, nr);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number_at), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, create_ruleset, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{4, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_CASE("where the kernel cannot hide files a worker says so before it is ready, and names the key that accepts it") {
  const pid_t child = fork();
  if (child == 0) {
    if (!lose_landlock()) _exit(99);
    const Status shut = shut_jail({});
    if (shut.ok()) _exit(1);
    if (shut.message().find("jail.without = [\"landlock\"]") == std::string::npos) _exit(2);
    _exit(shut_jail(*FenceSet::parse("landlock")).ok() ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

// What drivers do on their threads.
void block_nothing() {}
void block_as_mesa_does() {
  sigset_t most;
  sigfillset(&most);
  sigdelset(&most, SIGSYS);
  pthread_sigmask(SIG_BLOCK, &most, nullptr);
}

TEST_CASE("a thread that the driver made before the jail is confined too") {
  const auto prepare_thread = GENERATE(block_nothing, block_as_mesa_does);
  const Place place;
  const pid_t child = fork();
  if (child == 0) {
    if (!shut_jail({}).ok()) _exit(99);
    std::atomic<bool> ready{false}, entered{false};
    std::atomic<int> error{-1};
    std::thread driver([&] {
      prepare_thread();
      ready = true;
      while (!entered) usleep(1000);
      error = open_error(place.outside, O_RDONLY);
    });
    while (!ready) usleep(1000);
    const bool ok = tighten_jail({}, {{}, {place.inside}}).ok();
    entered = true;
    driver.join();
    _exit(ok ? error.load() : 99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == (kernel_hides_files() ? EACCES : 0));
}

TEST_CASE("for a jailed worker there is no network, no tracing, and no way to anybody's socket") {
  const Place place;
  CHECK(jailed(place, [] { return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno; }) == ENOSYS);
  CHECK(jailed(place, [] { return ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? 0 : errno; }) == ENOSYS);
  CHECK(jailed(place, [] { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno; }) == ENOSYS);
  CHECK(jailed(place, [] {
          int ends[2];
          return socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0 ? 0 : errno;
        }) == ENOSYS);
  // Neither does a socket that it had before lead further.
  const UniqueFd before(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, "/run/somebody.sock"};
  CHECK(jailed(place, [&] {
          return connect(before.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
        }) == ENOSYS);
}

TEST_CASE("a jailed worker sets no bit of a file's mode that gives privileges") {
  const Place place;
  const auto change = [&place](mode_t mode) {
    return jailed(place, [&] { return chmod(place.inside.c_str(), mode) == 0 ? 0 : errno; });
  };
  CHECK(change(0750) == 0);
  CHECK(change(04755) == ENOSYS);
  CHECK(change(02755) == ENOSYS);
}

TEST_CASE("a jailed worker has nobody signalled") {
  const Place place;
  const auto command = [&place](int number, long argument) {
    return jailed(place, [&] { return fcntl(STDIN_FILENO, number, argument) >= 0 ? 0 : errno; });
  };
  CHECK(command(F_GETFL, 0) == 0);
  CHECK(command(F_SETOWN, getpid()) == ENOSYS);
  CHECK(command(F_SETSIG, SIGKILL) == ENOSYS);
  CHECK(command(F_SETFL, O_ASYNC) == ENOSYS);
}

TEST_CASE("a jailed worker starts threads and processes, but none with namespaces of their own") {
  const Place place;
  CHECK(jailed(place, [] {
          std::thread([] {}).join();
          return 0;
        }) == 0);
  CHECK(jailed(place, [] { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0 ? 0 : errno; }) ==
        ENOSYS);
  CHECK(jailed(place, [] { return unshare(CLONE_NEWUSER) == 0 ? 0 : errno; }) == ENOSYS);
}

TEST_CASE("what a jailed worker wrote it cannot execute") {
  const Place place;
  CHECK(jailed(place, [&] {
          const std::string copy = place.inside + "/true";
          if (system(("cp /bin/true " + copy).c_str()) != 0) return 97;
          return execl(copy.c_str(), copy.c_str(), nullptr) == 0 ? 0 : errno;
        }) == EACCES);
}

TEST_CASE("a fence that is down stops nothing") {
  const Place place;
  const auto run = [&place](const char* without, auto check) {
    const pid_t child = fork();
    if (child == 0) _exit(enter_jail(place, *FenceSet::parse(without)) ? check() : 99);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
  };
  CHECK(run("seccomp", [] { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno; }) == 0);
  CHECK(run("landlock", [&] { return open_error(place.outside, O_RDONLY); }) == 0);
}

TEST_CASE("a jailed worker still runs the linker") {
  const Place place;
  CHECK(jailed(place, [] { return system("ld --version > /dev/null") == 0 ? 0 : 1; }) == 0);
}

}  // namespace
}  // namespace sluice::worker
