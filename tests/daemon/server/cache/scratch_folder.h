// A folder of a test's own, with trees in it that are hard to look at or to remove.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/unique_fd.h"

namespace sluice::test {

class ScratchFolder {
 public:
  ScratchFolder() {
    char name[] = "/tmp/sluice-scratch-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  // Not by a recursion, which deep trees would end badly.
  ~ScratchFolder() { (void)!std::system(("rm -rf '" + path_ + "'").c_str()); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void make_file(const std::string& path, std::size_t bytes = 1) {
  std::ofstream(path) << std::string(bytes, 'x');
}

// So many folders, one in the other.
inline void make_deep(const std::string& path, int levels) {
  REQUIRE(mkdir(path.c_str(), 0700) == 0);
  UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int level = 1; level < levels; ++level) {
    REQUIRE(mkdirat(folder.get(), "d", 0700) == 0);
    folder.reset(openat(folder.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(folder.valid());
  }
}

inline void make_socket(const std::string& path) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

// One of each kind that is not a plain file; links lead to `outside`.
inline void make_strange(const std::string& folder, const std::string& outside) {
  REQUIRE(mkdir(folder.c_str(), 0700) == 0);
  REQUIRE(symlink(outside.c_str(), (folder + "/link").c_str()) == 0);
  REQUIRE(symlink("link", (folder + "/loop").c_str()) == 0);
  REQUIRE(mkfifo((folder + "/fifo").c_str(), 0600) == 0);
  make_socket(folder + "/socket");
  make_file(folder + "/new\nline");
  make_file(folder + "/\xff\xfe \x1b[2J");
  make_file(folder + "/" + std::string(255, 'n'));
  REQUIRE(::link((folder + "/new\nline").c_str(), (folder + "/hard").c_str()) == 0);
  REQUIRE(mkdir((folder + "/closed").c_str(), 0700) == 0);
  make_file(folder + "/closed/file");
  REQUIRE(chmod((folder + "/closed").c_str(), 0) == 0);
  if (geteuid() == 0) REQUIRE(mknod((folder + "/device").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0);
}

}  // namespace sluice::test
