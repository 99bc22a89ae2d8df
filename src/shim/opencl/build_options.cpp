#include "shim/opencl/build_options.h"

namespace sluice::opencl {
namespace {

// Calls `use` for each word of an option string until it returns true; true if it did.
template <typename Use>
bool any_word(std::string_view options, Use use) {
  constexpr std::string_view blanks = " \t\n\r";
  for (std::size_t at = options.find_first_not_of(blanks); at != std::string_view::npos;) {
    const std::size_t end = options.find_first_of(blanks, at);
    if (use(options.substr(at, end - at))) return true;
    at = options.find_first_not_of(blanks, end);
  }
  return false;
}

// Calls `use` with each folder that -I names, without an opening quote: a part of `options`.
template <typename Use>
void each_folder(std::string_view options, Use use) {
  bool follows = false;
  any_word(options, [&](std::string_view word) {
    const bool joined = word.size() > 2 && word.starts_with("-I");
    if (follows || joined) {
      std::string_view folder = joined ? word.substr(2) : word;
      if (folder.starts_with('"')) folder.remove_prefix(1);
      use(folder);
    }
    follows = word == "-I";
    return false;
  });
}

}  // namespace

bool has_option(std::string_view options, std::string_view option) {
  return any_word(options, [&](std::string_view word) { return word == option; });
}

bool allows_uneven_groups(std::string_view options) {
  constexpr std::string_view standard = "-cl-std=CL";
  const bool modern = any_word(options, [&](std::string_view word) {
    return word.starts_with(standard) && word.size() > standard.size() && word[standard.size()] >= '2';
  });
  return modern && !has_option(options, "-cl-uniform-work-group-size");
}

std::string with_absolute_folders(std::string_view options, std::string_view own_folder) {
  const bool usable = own_folder.starts_with('/') && own_folder.find_first_of(" \t\"'") == std::string_view::npos;
  std::string absolute(options);
  std::size_t added_bytes = 0;
  each_folder(options, [&](std::string_view folder) {
    if (!usable || folder.starts_with('/')) return;
    absolute.insert(folder.data() - options.data() + added_bytes, std::string(own_folder) + '/');
    added_bytes += own_folder.size() + 1;
  });
  return absolute;
}

std::vector<std::string> include_folders(std::string_view options) {
  std::vector<std::string> folders;
  each_folder(options, [&](std::string_view folder) {
    if (folder.ends_with('"')) folder.remove_suffix(1);
    folders.emplace_back(folder);
  });
  return folders;
}

}  // namespace sluice::opencl
