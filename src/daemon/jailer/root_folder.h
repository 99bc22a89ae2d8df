// RootFolder: the file system as a worker sees it. An empty tmpfs, with what the jail profiles name bound into it, read
// only; /proc of the worker's own processes; a small /tmp.
//
// By a process alone in its mount namespace, with the capability to mount in it. Follows mount_namespaces(7),
// pivot_root(2), mount_setattr(2).
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/jailer/options.h"

namespace sluice::jailer {

class RootFolder {
 public:
  // Opens all that is to be bound: to be called while the process may still reach it as the daemon could.
  // A path that is not there is left out, except those that the options name.
  static Result<RootFolder> open(const Options& options);

  // Builds the root and moves into it; nothing of the old one can be reached afterwards. To be called as the user that
  // owns the new root.
  Status enter() const;

  // Makes the settings of the machine and of the namespaces (/proc/sys) read-only. After enter().
  static Status protect_settings();

 private:
  struct Bind {
    std::string path;  // the same inside as outside
    UniqueFd tree;     // a detached copy of the mount
    bool folder = false, writable = false, device = false;
  };
  struct Link {
    std::string path, target;
  };
  Status add(const std::string& path, bool writable, bool device, bool required);
  Status place(const Bind& bind) const;

  unsigned owner_ = 0;         // the worker's user, as this process has it
  bool own_processes_ = true;  // /proc shows the worker's processes alone
  std::vector<Bind> binds_;
  std::vector<Link> links_;
};

}  // namespace sluice::jailer
