#include "base/toml_file.h"

#include <cerrno>
#include <fstream>

namespace sluice {
namespace {

constexpr std::size_t file_bytes_max = 1 << 20;
constexpr std::size_t complaints_max = 20;

std::string placed(const std::string& name, const toml::source_position& at, std::string_view what) {
  return name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + std::string(what);
}

}  // namespace

Result<std::string> read_toml_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno_status("read " + path, errno);
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return Status(Code::internal, "cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > file_bytes_max) return Status(Code::invalid_argument, path + " is larger than 1 MiB");
  return text;
}

Result<toml::table> parse_toml(std::string_view text, const std::string& name) {
  try {
    return toml::table(toml::parse(text, name));
  } catch (const toml::parse_error& error) {
    return Status(Code::invalid_argument, placed(name, error.source().begin, error.description()));
  }
}

void TomlComplaints::add(const toml::source_region& where, const std::string& what) {
  if (lines_.size() < complaints_max) lines_.push_back(placed(name_, where.begin, what));
}

Status TomlComplaints::status() const {
  if (lines_.empty()) return Status();
  std::string all;
  for (const std::string& line : lines_) all += (all.empty() ? "" : "\n") + line;
  return Status(Code::invalid_argument, all);
}

}  // namespace sluice
