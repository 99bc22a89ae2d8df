#include "daemon/server/cache/tree_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace sluice::server {
namespace {

// Names of this process alone; others' are met with EEXIST.
std::string fresh_name() {
  static std::atomic<std::uint64_t> next{now_ns()};
  return std::to_string(next.fetch_add(1));
}

// Only an owner who is not root needs this: what he may not read or write he cannot remove. Through the descriptor, so
// that no link is followed.
void make_accessible(int folder, const char* name) {
  if (geteuid() == 0) return;
  const UniqueFd entry(openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!entry.valid() || fstat(entry.get(), &info) != 0 || !S_ISDIR(info.st_mode)) return;
  (void)chmod(("/proc/self/fd/" + std::to_string(entry.get())).c_str(), 0700);
}

void remove_or_move_up(int folder, const char* name, int removed) {
  if (unlinkat(folder, name, 0) == 0 || unlinkat(folder, name, AT_REMOVEDIR) == 0) return;
  (void)put_aside(folder, name, removed);  // what cannot be moved keeps its folder from being removed
}

// True: it is gone.
bool delete_folder(int removed, const char* name, WorkBudget& budget) {
  make_accessible(removed, name);
  const auto folder = open_folder(removed, name);
  if (!folder.ok()) return folder.status().code() == Code::not_found;
  const int fd = folder.value().get();
  (void)for_each_name(fd, [&](const char* entry) {
    if (!budget.spend()) return false;
    remove_or_move_up(fd, entry, removed);
    return true;
  });
  return unlinkat(removed, name, AT_REMOVEDIR) == 0;
}

bool is_empty(int folder) {
  bool empty = true;
  const Status listed = for_each_name(folder, [&empty](const char*) { return empty = false; });
  return empty && listed.ok();
}

// Looks at each name once. False: nothing has gone, or the budget is used up.
bool delete_pass(int removed, WorkBudget& budget) {
  std::size_t gone = 0;
  const Status listed = for_each_name(removed, [&](const char* name) {
    if (!budget.spend()) return false;
    if (unlinkat(removed, name, 0) == 0 || delete_folder(removed, name, budget)) ++gone;
    return true;
  });
  return listed.ok() && gone > 0 && !budget.used_up();
}

}  // namespace

bool WorkBudget::used_up() const { return entries == 0 || now_ns() >= until_ns || stopped(); }

bool WorkBudget::spend() {
  if (used_up()) return false;
  --entries;
  return true;
}

Result<UniqueFd> open_folder(int parent, const char* name) {
  UniqueFd folder(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (folder.valid()) return folder;
  if (errno == ENOENT) return Status(Code::not_found, "no such folder");
  if (errno == EACCES || errno == EPERM) return Status(Code::permission_denied, "a folder that may not be read");
  return Status(Code::invalid_argument, std::string("no folder: ") + std::strerror(errno));
}

Status for_each_name(int folder, const std::function<bool(const char* name)>& visit) {
  // A descriptor of its own, so that the position is, too.
  const int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return errno_status("list a folder", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> names(fdopendir(own), &closedir);
  if (names == nullptr) {
    close(own);
    return errno_status("list a folder", errno);
  }
  while (const dirent* entry = readdir(names.get())) {
    const char* name = entry->d_name;
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
    if (!visit(name)) break;
  }
  return Status();
}

Status put_aside(int folder, const char* name, int removed) {
  make_accessible(folder, name);
  for (int tries = 0; tries < 100; ++tries) {
    if (renameat2(folder, name, removed, fresh_name().c_str(), RENAME_NOREPLACE) == 0) return Status();
    if (errno == ENOENT) return Status(Code::not_found, "nothing to be removed");
    if (errno != EEXIST) return errno_status("move what is to be removed", errno);
  }
  return Status(Code::internal, "no free name in the folder of what is to be removed");
}

bool delete_removed(int removed, WorkBudget& budget) {
  while (!is_empty(removed))
    if (!delete_pass(removed, budget)) return false;
  return true;
}

}  // namespace sluice::server
