#include "daemon/server/runtime/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/unique_fd.h"

namespace sluice::server {
namespace {

Status check_own_folder(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return errno_status("look at " + path, errno);
  const auto refuse = [&path](const std::string& why) { return Status(Code::permission_denied, path + " " + why); };
  if (S_ISLNK(info.st_mode)) return refuse("is a symbolic link; it must be a folder");
  if (!S_ISDIR(info.st_mode)) return refuse("is not a folder");
  if (info.st_uid != geteuid())
    return refuse("belongs to user " + std::to_string(info.st_uid) + ", not to this daemon's");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return refuse("can be written to by others (chmod go-w it)");
  return Status();
}

}  // namespace

Status make_own_folder(const std::string& path, mode_t mode) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (mkdir(path.c_str(), mode) == 0) {
    // Whatever the umask made of it.
    if (chmod(path.c_str(), mode) != 0) return errno_status("set the permissions of " + path, errno);
    return Status();
  }
  if (errno != EEXIST) return errno_status("make the folder " + path, errno);
  return check_own_folder(path);
}

Result<std::string> read_own_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return errno_status("read " + path, errno);
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return errno_status("look at " + path, errno);
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid())
    return Status(Code::permission_denied, path + " is not a plain file of this daemon's user");
  std::string contents(bytes_max, '\0');
  const ssize_t length = pread(file.get(), contents.data(), contents.size(), 0);
  if (length < 0) return errno_status("read " + path, errno);
  contents.resize(static_cast<std::size_t>(length));
  return contents;
}

std::string read_kernel_file(const std::string& path) {
  // Not by a stream: those throw when a process ends between opening its file and reading it.
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string contents(4096, '\0');
  const ssize_t length = file.valid() ? read(file.get(), contents.data(), contents.size()) : 0;
  contents.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return contents;
}

Status write_own_file(const std::string& path, std::span<const char> contents) {
  const std::string fresh = path + ".new";
  UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return errno_status("write " + fresh, errno);
  const ssize_t written = write(file.get(), contents.data(), contents.size());
  if (written < 0) return errno_status("write " + fresh, errno);
  if (static_cast<std::size_t>(written) != contents.size()) return Status(Code::exhausted, "no room to write " + fresh);
  if (rename(fresh.c_str(), path.c_str()) != 0) return errno_status("write " + path, errno);
  return Status();
}

void remove_tree(const std::string& path) {
  std::error_code ignored;  // what cannot be removed is found again by the next sweep
  std::filesystem::remove_all(path, ignored);
}

}  // namespace sluice::server
