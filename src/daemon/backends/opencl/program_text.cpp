#include "daemon/backends/opencl/program_text.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>

namespace sluice::backend::opencl {
namespace {

namespace fs = std::filesystem;

// Words between blanks; quotes keep a word together and are no part of it.
std::vector<std::string> words_of(std::string_view options) {
  std::vector<std::string> words(1);
  char quote = '\0';
  for (const char c : options) {
    if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n')) {
      if (!words.back().empty()) words.emplace_back();
    } else if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else {
      words.back().push_back(c);
    }
  }
  return words;
}

struct Options {
  std::string definitions;  // as #define lines
  std::map<std::string, std::string, std::less<>> macros;
  std::vector<std::string> folders;
};

void define(Options& options, const std::string& definition) {
  const std::size_t equals = definition.find('=');
  const std::string name = definition.substr(0, equals);
  const std::string value = equals == std::string::npos ? "1" : definition.substr(equals + 1);
  options.definitions.append("#define ").append(name).append(" ").append(value).append("\n");
  options.macros[name] = value;
}

Options read_options(std::string_view text) {
  Options options;
  const std::vector<std::string> words = words_of(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string kind = words[i].substr(0, 2);
    if (kind != "-D" && kind != "-I") continue;
    std::string value = words[i].substr(2);
    if (value.empty() && i + 1 < words.size()) value = words[++i];
    if (kind == "-D") define(options, value);
    if (kind == "-I") options.folders.push_back(value);
  }
  return options;
}

std::optional<std::string> read_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > ProgramText::bytes_max) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class Gatherer {
 public:
  Gatherer(const wire::BuildRequest& request, const Options& options) : request_(request), options_(options) {}

  ProgramText run() {
    add(options_.definitions, "");
    add(request_.source, "");
    for (const wire::BuildHeader& header : request_.headers) add(header.source, "");
    for (std::size_t next = 0; next < text_.parts.size(); ++next) follow(*text_.parts[next], fs::path(folders_[next]));
    return std::move(text_);
  }

 private:
  void add(std::string_view text, const fs::path& folder) {
    bytes_ += text.size();
    if (bytes_ > ProgramText::bytes_max || text_.parts.size() >= ProgramText::files_max) {
      text_.complete = false;
      return;
    }
    text_.parts.push_back(std::make_shared<const SourceText>(text));
    folders_.push_back(folder);
  }

  void follow(const SourceText& text, const fs::path& folder) {
    each_line(
        text.tokens(), [&](const std::vector<Token>& line) { note_macro(line); }, [](const Token&) {});
    for (const Token& token : text.tokens()) {
      if (token.kind != TokenKind::included) continue;
      const std::vector<std::string> names = names_in(token.text);
      text_.complete &= !names.empty();
      for (const std::string& name : names) find(name, folder);
    }
  }

  void note_macro(const std::vector<Token>& line) {
    if (line.size() < 3 || !line[0].is("define")) return;
    const char* begin = line[2].text.data();
    const std::string_view value(begin,
                                 static_cast<std::size_t>(line.back().text.data() + line.back().text.size() - begin));
    macros_.emplace(line[1].text, value);
  }

  // What an #include's operand may mean.
  std::vector<std::string> names_in(std::string_view operand) const {
    std::vector<std::string> names;
    const auto take_name = [&](std::string name) {
      if (!name.empty()) names.push_back(std::move(name));
    };
    take_name(name_in(operand));
    const std::string_view macro = operand.substr(0, operand.find_first_of(" \t\r"));
    for (auto [at, end] = macros_.equal_range(macro); at != end; ++at) take_name(name_in(at->second));
    return names;
  }

  std::string name_in(std::string_view operand) const {
    const bool quoted = operand.starts_with('"') || operand.starts_with('<');
    if (quoted) return operand.size() > 2 ? std::string(operand.substr(1, operand.size() - 2)) : std::string();
    const std::size_t open = operand.find('('), close = operand.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
    return expanded(operand.substr(open + 1, close - open - 1));
  }

  // The parts of a path, each of which may be a macro of the options.
  std::string expanded(std::string_view path) const {
    std::string name;
    while (!path.empty()) {
      const std::size_t end = std::min(path.find('/'), path.size());
      const auto macro = options_.macros.find(path.substr(0, end));
      name.append(macro == options_.macros.end() ? path.substr(0, end) : macro->second);
      if (end < path.size()) name.push_back('/');
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    return name;
  }

  void find(const std::string& name, const fs::path& beside) {
    const auto came_along = [&](const wire::BuildHeader& header) {
      return header.include_name == name || header.include_name.ends_with("/" + name);
    };
    if (name.empty() || std::ranges::any_of(request_.headers, came_along) || take(beside / name)) return;
    for (const std::string& path : options_.folders)
      if (take(fs::path(path) / name)) return;
  }

  bool take(const fs::path& path) {
    const std::string name = path.lexically_normal().string();
    if (taken_.contains(name)) return true;
    const auto text = read_file(path);
    if (!text) return false;
    taken_.insert(name);
    add(*text, path.parent_path());
    return true;
  }

  const wire::BuildRequest& request_;
  const Options& options_;
  ProgramText text_;
  std::vector<fs::path> folders_;  // of each part
  std::set<std::string> taken_;
  std::multimap<std::string_view, std::string_view> macros_;  // of the parts so far; all that stands behind the name
  std::size_t bytes_ = 0;
};

}  // namespace

ProgramText text_of(const wire::BuildRequest& request) {
  const Options options = read_options(request.options);
  ProgramText text = Gatherer(request, options).run();
  if (request.options.find("CLC++") != std::string::npos) text.complete = false;  // calls functions without their names
  return text;
}

}  // namespace sluice::backend::opencl
