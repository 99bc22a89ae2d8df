#include "daemon/backends/opencl/include_lines.h"

#include <algorithm>

namespace sluice::backend::opencl {
namespace {

constexpr std::string_view blanks = " \t";

// Takes `word` and the blanks before it off the front of `line`, if it is there.
bool take(std::string_view& line, std::string_view word) {
  std::string_view rest = line.substr(std::min(line.find_first_not_of(blanks), line.size()));
  if (!rest.starts_with(word)) return false;
  line = rest.substr(word.size());
  return true;
}

// The name between < and >, as a piece of `line`; empty if the line is another one.
std::string_view angled_name(std::string_view line) {
  if (!take(line, "#") || !take(line, "include") || !take(line, "<")) return {};
  const std::size_t end = line.find('>');
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

}  // namespace

std::string quote_includes(std::string_view text, const std::vector<wire::BuildHeader>& headers) {
  std::string quoted(text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view name = angled_name(text.substr(at, end - at));
    const bool known = std::any_of(headers.begin(), headers.end(), [&](const wire::BuildHeader& header) {
      return !name.empty() && header.include_name == name;
    });
    if (known) {
      const auto name_at = static_cast<std::size_t>(name.data() - text.data());
      quoted[name_at - 1] = quoted[name_at + name.size()] = '"';
    }
    at = end + 1;
  }
  return quoted;
}

}  // namespace sluice::backend::opencl
