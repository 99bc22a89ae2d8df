#include "daemon/server/cache/tenant_cache.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <functional>

#include "base/clock.h"
#include "tests/daemon/server/cache/scratch_folder.h"

using namespace sluice;
using namespace sluice::server;
using namespace sluice::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t owner = TenantCache::owner_for_own_uids, worker = 700'005;
constexpr std::uint8_t uuid[16] = {0xab, 1};
const std::string uuid_name = "ab010000000000000000000000000000";

struct Seen {
  uid_t uid;
  mode_t mode;
};

Seen look_at(const std::string& path) {
  struct stat info {};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return {info.st_uid, static_cast<mode_t>(info.st_mode & 07777)};
}

// Whether it holds for a process of that user without any right of root's.
bool as_user(std::uint32_t uid, const std::function<bool()>& holds) {
  const pid_t child = fork();
  if (child == 0) _exit(setgid(uid) == 0 && setuid(uid) == 0 && holds() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0;
}

bool writes(int folder, const char* name) {
  const UniqueFd file(openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  return file.valid() && write(file.get(), "x", 1) == 1;
}

bool needs_root() {
  if (geteuid() == 0) return false;
  WARN("not root: owners cannot be mapped");
  return true;
}

struct OpenCache : TenantCache {
  OpenCache(const ScratchFolder& scratch, std::uint32_t whose) : TenantCache(scratch.path(), whose) {
    REQUIRE(open(1, {1, 2}).ok());
  }
};

}  // namespace

TEST_CASE("each tenant and device has a private folder of its own") {
  const ScratchFolder scratch;
  OpenCache cache(scratch, geteuid());
  CHECK(cache.path(1, uuid) == scratch.at("1/" + uuid_name));
  CHECK(cache.path(2, uuid) == scratch.at("2/" + uuid_name));
  CHECK(look_at(scratch.at("1")).mode == 0700);
  CHECK(look_at(scratch.at("1/" + uuid_name)).mode == 0700);
}

TEST_CASE("files that two workers of different users write through the mount are the cache owner's on disk") {
  if (needs_root()) return;
  const ScratchFolder scratch;
  OpenCache cache(scratch, owner);
  const UniqueFd first = cache.mount(1, uuid, worker), second = cache.mount(1, uuid, worker + 1);
  REQUIRE((first.valid() && second.valid()));
  CHECK(as_user(worker, [&] { return writes(first.get(), "a"); }));
  CHECK(as_user(worker + 1, [&] { return writes(second.get(), "a") && writes(second.get(), "b"); }));
  CHECK(look_at(scratch.at("1/" + uuid_name + "/a")).uid == owner);
  CHECK(look_at(scratch.at("1/" + uuid_name + "/b")).uid == owner);
  // Through the mount each sees them as its own; a user whose mount it is not can do nothing with it.
  CHECK(as_user(worker, [&] {
    struct stat info {};
    return fstatat(first.get(), "b", &info, 0) == 0 && info.st_uid == worker &&
           fchmodat(first.get(), "b", 0644, 0) == 0;
  }));
  CHECK_FALSE(as_user(worker + 1, [&] { return writes(first.get(), "c"); }));
  CHECK_FALSE(as_user(worker, [&] { return writes(AT_FDCWD, scratch.at("1/" + uuid_name + "/d").c_str()); }));
}

TEST_CASE("the mount ends where the folder does, and gives no rights by set-user-id programs and devices") {
  if (needs_root()) return;
  const ScratchFolder scratch;
  OpenCache cache(scratch, owner);
  const UniqueFd mount = cache.mount(1, uuid, worker);
  REQUIRE(mount.valid());
  struct stat top {
  }, above{};
  REQUIRE(fstat(mount.get(), &top) == 0);
  REQUIRE(fstatat(mount.get(), "..", &above, 0) == 0);
  CHECK(top.st_ino == above.st_ino);
  REQUIRE(mknodat(mount.get(), "null", S_IFCHR | 0666, makedev(1, 3)) != 0);
  REQUIRE(mknod(scratch.at("1/" + uuid_name + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  CHECK(openat(mount.get(), "null", O_RDONLY | O_CLOEXEC) < 0);
}

TEST_CASE("a compiled kernel can be mapped from the cache as code") {
  const ScratchFolder scratch;
  OpenCache cache(scratch, geteuid() == 0 ? owner : geteuid());
  const UniqueFd mount = cache.mount(1, uuid, geteuid() == 0 ? worker : geteuid());
  REQUIRE(mount.valid());
  const auto maps_code = [&] {
    if (!writes(mount.get(), "kernel.so")) return false;
    const UniqueFd file(openat(mount.get(), "kernel.so", O_RDONLY | O_CLOEXEC));
    return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0) != MAP_FAILED;
  };
  CHECK((geteuid() == 0 ? as_user(worker, maps_code) : maps_code()));
}

TEST_CASE("a pool without root has a cache too, which ends where the folder does") {
  const ScratchFolder scratch;
  const std::uint32_t user = geteuid() == 0 ? worker : geteuid();
  REQUIRE(chown(scratch.path().c_str(), user, user) == 0);
  CHECK(as_user(user, [&] {
    TenantCache cache(scratch.path(), user);
    if (!cache.open(1, {1}).ok()) return false;
    const UniqueFd mount = cache.mount(1, uuid, user), again = cache.mount(1, uuid, user);
    struct stat top {
    }, above{};
    fstat(mount.get(), &top);
    fstatat(mount.get(), "..", &above, 0);
    if (top.st_ino != above.st_ino) std::printf("this system lets users make no mounts\n");
    return writes(mount.get(), "a") && writes(again.get(), "a");
  }));
  CHECK(look_at(scratch.at("1/" + uuid_name + "/a")).uid == user);
}

TEST_CASE("a folder that its tenant made unusable is replaced") {
  const ScratchFolder scratch;
  OpenCache cache(scratch, geteuid());
  const std::string path = cache.path(1, uuid);
  make_file(path + "/old");
  REQUIRE(chmod(path.c_str(), 0) == 0);
  CHECK(cache.path(1, uuid) == path);
  CHECK(look_at(path).mode == 0700);
  CHECK(fs::is_empty(path));
  REQUIRE(rmdir(path.c_str()) == 0);
  const ScratchFolder outside;
  REQUIRE(symlink(outside.path().c_str(), path.c_str()) == 0);
  CHECK(cache.path(1, uuid) == path);
  CHECK_FALSE(fs::is_symlink(path));
}

TEST_CASE("caches of tenants that are gone, of another pool and of a Sluice before ids are put aside at start") {
  const ScratchFolder scratch;
  {
    OpenCache cache(scratch, geteuid());
    (void)cache.path(1, uuid);
    (void)cache.path(2, uuid);
  }
  REQUIRE(mkdir(scratch.at("1000-alice").c_str(), 0700) == 0);
  TenantCache same(scratch.path(), geteuid());
  REQUIRE(same.open(1, {2}).ok());
  CHECK_FALSE(fs::exists(scratch.at("1")));
  CHECK_FALSE(fs::exists(scratch.at("1000-alice")));
  CHECK(fs::exists(scratch.at("2/" + uuid_name)));
  TenantCache other(scratch.path(), geteuid());
  REQUIRE(other.open(77, {2}).ok());
  CHECK_FALSE(fs::exists(scratch.at("2")));
}

TEST_CASE("a worker's user costs a user namespace once") {
  if (needs_root()) return;
  const ScratchFolder scratch;
  OpenCache cache(scratch, owner);
  REQUIRE(cache.mount(1, uuid, worker).valid());
  const Nanoseconds begun = now_ns();
  for (int i = 0; i < 100; ++i) REQUIRE(cache.mount(1, uuid, worker).valid());
  CHECK((now_ns() - begun) / 100 < 5 * ns_per_ms);
}
