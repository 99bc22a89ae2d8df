// GroupFiles: the file operations that control groups are made of. The seam behind which tests put a kernel of their
// own.
//
// A control group is a folder; its files are made by the kernel and take one short write each. Nothing here waits for
// a process. Stateless and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace sluice::cgroups {

class GroupFiles {
 public:
  virtual ~GroupFiles() = default;
  // These three return 0 or an errno.
  virtual int make_folder(const std::string& path) const = 0;  // an existing folder is fine
  virtual int remove_folder(const std::string& path) const = 0;
  virtual int write(const std::string& path, std::string_view text) const = 0;  // into a file that exists
  // Up to 64 KiB. Empty: there is no such file, or nothing in it.
  virtual std::string read(const std::string& path) const = 0;
  virtual bool exists(const std::string& path) const = 0;
  // For reading again and again. Not valid: there is no such file.
  virtual UniqueFd open(const std::string& path) const = 0;
  // The names of the folders directly inside.
  virtual std::vector<std::string> folders(const std::string& path) const = 0;
};

// This machine's.
const GroupFiles& kernel_group_files();

}  // namespace sluice::cgroups
