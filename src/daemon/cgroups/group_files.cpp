#include "daemon/cgroups/group_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace sluice::cgroups {
namespace {

constexpr std::size_t read_bytes_max = 64 * 1024;

class KernelGroupFiles final : public GroupFiles {
 public:
  int make_folder(const std::string& path) const override {
    return mkdir(path.c_str(), 0755) == 0 || errno == EEXIST ? 0 : errno;
  }
  int remove_folder(const std::string& path) const override { return rmdir(path.c_str()) == 0 ? 0 : errno; }

  int write(const std::string& path, std::string_view text) const override {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid()) return errno;
    return ::write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
  }

  std::string read(const std::string& path) const override {
    const UniqueFd file = open(path);
    std::string contents(file.valid() ? read_bytes_max : 0, '\0');
    std::size_t length = 0;
    while (length < contents.size()) {
      const ssize_t got = ::read(file.get(), contents.data() + length, contents.size() - length);
      if (got <= 0) break;
      length += static_cast<std::size_t>(got);
    }
    contents.resize(length);
    return contents;
  }

  bool exists(const std::string& path) const override { return access(path.c_str(), F_OK) == 0; }
  UniqueFd open(const std::string& path) const override { return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

  std::vector<std::string> folders(const std::string& path) const override {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
    if (folder == nullptr) return names;
    while (const dirent* entry = readdir(folder.get()))
      if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    return names;
  }
};

}  // namespace

const GroupFiles& kernel_group_files() {
  static const KernelGroupFiles files;
  return files;
}

}  // namespace sluice::cgroups
