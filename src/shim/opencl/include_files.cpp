#include "shim/opencl/include_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <set>

#include "base/unique_fd.h"

namespace sluice::opencl {
namespace {

struct Include {
  std::string_view name;  // in the text
  bool quoted = false;    // "name", looked for beside the includer first
};

// The folder that stands for the root of the file system, where no header may be for the compiler.
constexpr std::string_view root_folder = ".root";

// Calls `use` with each include line of the text.
template <typename Use>
void each_include(std::string_view text, Use use) {
  constexpr std::string_view blanks = " \t", word = "include";
  for (std::size_t at = text.find('#'); at != std::string_view::npos; at = text.find('#', at + 1)) {
    std::size_t next = text.find_first_not_of(blanks, at + 1);
    if (next == std::string_view::npos || !text.substr(next).starts_with(word)) continue;
    next = text.find_first_not_of(blanks, next + word.size());
    if (next == std::string_view::npos || (text[next] != '"' && text[next] != '<')) continue;
    const bool quoted = text[next] == '"';
    const std::size_t end = text.find_first_of(quoted ? "\"\n" : ">\n", next + 1);
    if (end == std::string_view::npos || text[end] == '\n') continue;
    use(Include{text.substr(next + 1, end - next - 1), quoted});
  }
}

// The whole text of a regular file of at most `bytes_max` bytes.
std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  if (static_cast<std::size_t>(info.st_size) > bytes_max) return std::nullopt;
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got < 0 || static_cast<std::size_t>(got) != text.size()) return std::nullopt;
  return text;
}

// `name` seen from `folder`, which is relative; empty if it leads out of all folders.
std::string joined(const std::string& folder, std::string_view name) {
  const auto path = (std::filesystem::path(folder) / name).lexically_normal();
  if (name.empty() || path.begin()->string() == "..") return {};
  return path.is_absolute() ? std::string(root_folder) + path.string() : path.string();
}

class Search {
 public:
  explicit Search(const std::vector<std::string>& folders) : folders_(folders) {}

  // `beside`: the folder of the text itself, from the root; null: it is no file.
  void follow(std::string_view text, const std::string* beside) {
    each_include(text, [&](const Include& include) {
      if (include.quoted && beside != nullptr && take(joined(*beside, include.name))) return;
      take(joined("", include.name));
    });
  }

  std::vector<wire::BuildHeader> run(std::string_view source) {
    follow(source, nullptr);
    for (; next_ < found_.size(); ++next_) {
      const std::string folder = std::filesystem::path(found_[next_].include_name).parent_path().string();
      follow(found_[next_].source, &folder);
    }
    std::vector<wire::BuildHeader> headers(std::make_move_iterator(found_.begin()),
                                           std::make_move_iterator(found_.end()));
    for (wire::BuildHeader& header : headers) header.source = with_names_of(headers, header.source);
    return headers;
  }

 private:
  // True if there is such a header.
  bool take(const std::string& name) {
    if (name.empty()) return false;
    if (names_.contains(name)) return true;
    if (found_.size() == header_files_max) return false;
    auto text = text_of(name);
    if (!text) return false;
    bytes_ += text->size();
    names_.insert(name);
    found_.push_back({name, std::move(*text)});
    return true;
  }

  std::optional<std::string> text_of(const std::string& name) const {
    const std::size_t bytes_max = header_bytes_max - bytes_;
    const std::string_view path = name;
    if (path.starts_with(root_folder) && path.substr(root_folder.size()).starts_with('/'))
      return read_file(name.substr(root_folder.size()), bytes_max);
    for (const std::string& folder : folders_)
      if (auto text = read_file(folder + '/' + name, bytes_max)) return text;
    return std::nullopt;
  }

  const std::vector<std::string>& folders_;
  std::set<std::string> names_;
  std::deque<wire::BuildHeader> found_;  // grows while its texts are read
  std::size_t next_ = 0;                 // the first that was not read yet
  std::size_t bytes_ = 0;
};

}  // namespace

std::vector<wire::BuildHeader> find_headers(std::string_view source, const std::vector<std::string>& folders) {
  return Search(folders).run(source);
}

std::string with_names_of(const std::vector<wire::BuildHeader>& headers, std::string_view text) {
  std::string renamed(text);
  std::size_t added_bytes = 0;
  each_include(text, [&](const Include& include) {
    if (!include.name.starts_with('/')) return;
    const std::string name = joined("", include.name);
    if (std::none_of(headers.begin(), headers.end(), [&](const auto& header) { return header.include_name == name; }))
      return;
    const auto at = static_cast<std::size_t>(include.name.data() - text.data());
    renamed.replace(at + added_bytes, include.name.size(), name);
    added_bytes += name.size() - include.name.size();  // wraps around for less
  });
  return renamed;
}

}  // namespace sluice::opencl
