#include "daemon/server/runtime/runtime_folder.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/server/runtime/files.h"

using namespace sluice;
using namespace sluice::server;
namespace fs = std::filesystem;

namespace {

struct TemporaryFolder {
  std::string path;
  TemporaryFolder() {
    char name[] = "/tmp/sluice-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  PoolFolders folders() const { return pool_folders_below(path + "/run"); }
};

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

// A process that sleeps until it is ended.
struct Sleeper {
  pid_t pid = fork();
  Sleeper() {
    if (pid == 0) {
      pause();
      _exit(0);
    }
  }
  ~Sleeper() { end(); }
  void end() {
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = -1;
  }
};

}  // namespace

TEST_CASE("a user's own pool is closed to others, the machine's is open for passage only") {
  const TemporaryFolder temporary;
  {
    const auto own = RuntimeFolder::open(temporary.folders(), false);
    REQUIRE(own.ok());
    CHECK(mode_of(temporary.path + "/run") == 0700);
    CHECK(mode_of(temporary.path + "/run/workers") == 0700);
  }
  fs::remove_all(temporary.path + "/run");
  const auto open = RuntimeFolder::open(temporary.folders(), true);
  REQUIRE(open.ok());
  CHECK(mode_of(temporary.path + "/run") == 0755);
  CHECK(mode_of(temporary.path + "/run/cache") == 0700);
}

TEST_CASE("a folder that others can write to, or that is a link, is refused") {
  const TemporaryFolder temporary;
  fs::create_directory(temporary.path + "/run");
  chmod((temporary.path + "/run").c_str(), 0777);
  const auto open = RuntimeFolder::open(temporary.folders(), false);
  CHECK(open.status().code() == Code::permission_denied);
  CHECK_THAT(open.status().message(), Catch::Contains("can be written to by others"));
  fs::remove(temporary.path + "/run");
  fs::create_directory(temporary.path + "/elsewhere");
  fs::create_directory_symlink(temporary.path + "/elsewhere", temporary.path + "/run");
  CHECK_THAT(RuntimeFolder::open(temporary.folders(), false).status().message(), Catch::Contains("symbolic link"));
}

TEST_CASE("a folder whose sockets would have too long a path is refused at once") {
  const TemporaryFolder temporary;
  PoolFolders folders = temporary.folders();
  folders.runtime = temporary.path + "/" + std::string(74 - temporary.path.size(), 'x');
  CHECK_THAT(RuntimeFolder::open(folders, false).status().message(), Catch::Contains("too long"));
  folders.runtime.pop_back();
  CHECK(RuntimeFolder::open(folders, false).ok());
}

TEST_CASE("a second daemon is refused, and told who has the pool") {
  const TemporaryFolder temporary;
  const auto first = RuntimeFolder::open(temporary.folders(), false);
  REQUIRE(first.ok());
  const std::string us = "pid " + std::to_string(getpid());
  const pid_t other = fork();
  if (other == 0) {
    const Status second = RuntimeFolder::open(temporary.folders(), false).status();
    _exit(second.code() == Code::unavailable && second.message().find(us) != std::string::npos ? 0 : 1);
  }
  int status = 0;
  waitpid(other, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("the removal of a worker's folder does not follow links out of it") {
  const TemporaryFolder temporary;
  const auto folder = RuntimeFolder::open(temporary.folders(), false);
  std::ofstream(temporary.path + "/precious") << "text";
  REQUIRE(folder.value().make_worker_folder(3).ok());
  fs::create_directory_symlink(temporary.path, folder.value().worker_folder(3) + "/out");
  folder.value().worker_folder_removal(3)();
  CHECK(fs::exists(temporary.path + "/precious"));
  CHECK_FALSE(fs::exists(folder.value().worker_folder(3)));
}

TEST_CASE("a sweep finds the living and removes what the dead have left") {
  const TemporaryFolder temporary;
  const auto folder = RuntimeFolder::open(temporary.folders(), false);
  Sleeper living, dead;
  SessionRecord record;
  record.session_id = 77;
  record.bindings = {{0, 4}};
  for (const auto& [number, pid] : {std::pair(4u, living.pid), std::pair(9u, dead.pid)}) {
    REQUIRE(folder.value().make_worker_folder(number).ok());
    REQUIRE(folder.value().record_life(number, pid).ok());
    record.session_id = number == 4 ? 77 : 78;
    REQUIRE(folder.value().record_session(number, {record, {{}, {}, {{}}}, {{}}}).ok());
  }
  REQUIRE(folder.value().make_worker_folder(11).ok());  // of a daemon that died before it could note the worker
  CHECK(folder.value().lost_sessions().empty());
  const metering::Account account{{1, 2, 3}, 4, 5};
  REQUIRE(folder.value().record_account(9, 78, account).ok());
  dead.end();
  const auto lost = folder.value().lost_sessions();
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].record.session_id == 78);
  CHECK(lost[0].account == account);
  std::uint32_t number_max = 0;
  const auto found = folder.value().sweep(number_max);
  REQUIRE(found.size() == 1);
  CHECK(found[0].number == 4);
  CHECK(found[0].process.pid == living.pid);
  REQUIRE(found[0].session);
  CHECK(found[0].session->record.session_id == 77);
  CHECK(number_max == 4);
  CHECK(fs::exists(folder.value().worker_folder(4)));
  for (const char* name : {"9", "9.life", "9.session", "11"})
    CHECK_FALSE(fs::exists(temporary.path + "/run/workers/" + name));
}

TEST_CASE("what a session was charged is found by the next daemon, if it is that session's and whole") {
  const TemporaryFolder temporary;
  const auto folder = RuntimeFolder::open(temporary.folders(), false);
  Sleeper living;
  SessionRecord record;
  record.session_id = 77;
  record.bindings = {{0, 4}};
  REQUIRE(folder.value().record_life(4, living.pid).ok());
  REQUIRE(folder.value().record_session(4, {record, {{}, {}, {{}}}, {{}}}).ok());
  const auto found = [&] {
    std::uint32_t number_max = 0;
    return folder.value().sweep(number_max).at(0).account;
  };
  CHECK(found() == metering::Account{});
  const metering::Account account{{1, 2, 3}, 4, 5};
  REQUIRE(folder.value().record_account(4, 77, account).ok());
  CHECK(found() == account);
  REQUIRE(folder.value().record_account(4, 78, account).ok());
  CHECK(found() == metering::Account{});
  REQUIRE(folder.value().record_account(4, 77, account).ok());
  fs::resize_file(temporary.path + "/run/workers/4.charges", 50);
  CHECK(found() == metering::Account{});
  folder.value().worker_folder_removal(4)();
  CHECK(fs::is_empty(temporary.path + "/run/workers"));
}

TEST_CASE("of a session that was moving, the living worker has the books of both, and nothing is lost") {
  const TemporaryFolder temporary;
  const auto opened = RuntimeFolder::open(temporary.folders(), false);
  const RuntimeFolder& folder = opened.value();
  Sleeper source, target;
  SessionRecord record;
  record.session_id = 77;
  record.bindings = {{0, 4}};
  REQUIRE(folder.record_life(4, source.pid).ok());
  REQUIRE(folder.record_session(4, {record, {{}, {}, {{}}}, {{}}, {1, MoveRole::source, 9}}).ok());
  metering::Usage before;
  before.books = {10, 20, 30};
  before.launches = 3;
  REQUIRE(folder.record_account(4, 77, {{1, 2, 3}, 4, 5}, before).ok());
  record.bindings = {{1, 9}};
  REQUIRE(folder.record_life(9, target.pid).ok());
  REQUIRE(folder.record_session(9, {record, {{}, {}, {{}}}, {{}}, {1, MoveRole::target, 4}}).ok());
  const metering::Books sum{11, 22, 33};
  const auto living = [&](std::uint32_t number) {
    std::uint32_t number_max = 0;
    for (LivingWorker& worker : folder.sweep(number_max))
      if (worker.number == number) return std::move(worker);
    return LivingWorker{};
  };
  SECTION("both live, and the target has no charges of its own: the source's come before it") {
    CHECK(living(4).account == metering::Account{{1, 2, 3}, 4, 5});
    CHECK(living(4).past == before);
    CHECK(living(9).account == metering::Account{});
    CHECK(living(9).past.books == sum);
    CHECK(living(9).past.launches == 3);
  }
  SECTION("the target lives, with charges that hold the source's") {
    metering::Usage all = before;
    all.books = sum;
    REQUIRE(folder.record_account(9, 77, {{5, 6, 7}, 8, 9}, all).ok());
    source.end();
    CHECK(folder.lost_sessions().empty());
    CHECK(living(9).account == metering::Account{{5, 6, 7}, 8, 9});
    CHECK(living(9).past == all);
  }
  SECTION("neither lives: it is lost once") {
    source.end();
    target.end();
    const auto lost = folder.lost_sessions();
    REQUIRE(lost.size() == 1);
    CHECK(lost[0].account.books == metering::Books{});
    CHECK(lost[0].past.books == sum);
  }
}

TEST_CASE("a process that has a dead worker's number is not taken for it") {
  const TemporaryFolder temporary;
  const auto folder = RuntimeFolder::open(temporary.folders(), false);
  Sleeper other;
  REQUIRE(folder.value().make_worker_folder(4).ok());
  const std::string life = folder.value().worker_folder(4) + ".life";
  const std::string text = std::to_string(other.pid) + " 1 00000000-0000-0000-0000-000000000000\n";
  REQUIRE(write_own_file(life, text).ok());
  std::uint32_t number_max = 0;
  CHECK(folder.value().sweep(number_max).empty());
  CHECK_FALSE(fs::exists(life));
}
