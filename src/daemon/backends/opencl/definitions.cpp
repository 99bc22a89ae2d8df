#include "daemon/backends/opencl/definitions.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace sluice::backend::opencl {

// Reads one part of the text after the other.
class DefinitionReader {
 public:
  explicit DefinitionReader(Definitions& into) : into_(into) {}

  void read(const SourceText& part) {
    each_line(
        part.tokens(), [&](std::vector<Token> line) { directive(std::move(line)); },
        [&](const Token& token) { take(token); });
    into_.complete_ &= depth_ == 0 && branches_.empty();
    depth_ = 0;
    branches_.clear();
    end_statement();
  }

  const std::vector<std::string_view>& outermost_names() const { return outermost_names_; }
  // Of functions alone, not of what else is called in their heads.
  const std::vector<std::string_view>& functions() const { return functions_; }

 private:
  // An #if that is open: each of its branches starts at one depth, and all end at another.
  struct Branches {
    std::size_t start_depth = 0, end_depth = 0;
    bool has_end = false, has_else = false;
  };

  void directive(std::vector<Token> line) {
    if (line.empty()) return;
    const std::string_view what = line[0].text;
    if (what.starts_with("include") && depth_ != 0) {
      into_.complete_ = false;
    } else if (what == "define") {
      define(std::move(line));
    } else if (what.starts_with("if")) {
      branches_.push_back({depth_, depth_});
    } else if (what.starts_with("el")) {
      end_branch();
      if (branches_.empty()) return;
      branches_.back().has_else |= what == "else";
      depth_ = branches_.back().start_depth;
    } else if (what == "endif") {
      end_branch();
      if (branches_.empty()) return;
      if (!branches_.back().has_else && depth_ != branches_.back().start_depth) into_.complete_ = false;
      branches_.pop_back();
    }
  }

  void end_branch() {
    if (branches_.empty()) {
      into_.complete_ = false;
      return;
    }
    Branches& open = branches_.back();
    const bool ends_otherwise = open.has_end && open.end_depth != depth_;
    const bool closes_function = open.start_depth != 0 && depth_ == 0;
    if (ends_otherwise || closes_function) into_.complete_ = false;
    open.has_end = true;
    open.end_depth = depth_;
  }

  void define(std::vector<Token> line) {
    if (line.size() < 2) return;
    Definition macro;
    macro.is_macro = true;
    macro.pastes = std::ranges::any_of(line, [](const Token& token) { return token.is("##"); });
    const std::string_view name = line[1].text;
    macro.tokens.assign(line.begin() + 2, line.end());
    add(std::move(macro), {name});
  }

  void take(const Token& token) {
    if (token.is("{")) return open_brace(token);
    if (token.is("}")) return close_brace(token);
    if (depth_ != 0) return function_.tokens.push_back(token);
    if (token.is(";")) return end_statement();
    // A block may be called by the name of a variable.
    if (token.is("^") && !head_.empty() && head_.back().is("(")) into_.complete_ = false;
    if (token.kind == TokenKind::identifier) outermost_names_.push_back(token.text);
    head_.push_back(token);
  }

  void open_brace(const Token& token) {
    if (depth_++ != 0) return function_.tokens.push_back(token);
    // Of a function that begins in each branch of an #if, the heads follow one another.
    function_.tokens.insert(function_.tokens.end(), head_.begin(), head_.end());
    function_.body_at = function_.tokens.size();
    for (const std::string_view name : called_in(head_)) names_.push_back(name);
    into_.complete_ &= !names_.empty() || is_no_function(head_);
    if (!names_.empty()) functions_.push_back(names_.back());  // attributes' macros come before it
    head_.clear();
  }

  void close_brace(const Token& token) {
    if (depth_ == 0) {
      into_.complete_ = false;
      return;
    }
    if (--depth_ != 0) return function_.tokens.push_back(token);
    add(std::exchange(function_, {}), std::exchange(names_, {}));
  }

  void end_statement() {
    head_.clear();
    function_ = {};
    names_.clear();
  }

  // Data or a type; or an operator of another language, in a branch that is not taken.
  static bool is_no_function(const std::vector<Token>& head) {
    return std::ranges::any_of(head, [](const Token& token) {
      return token.is("=") || token.is("struct") || token.is("union") || token.is("enum") || token.is("operator");
    });
  }

  // The names before an opening parenthesis that is in no other: the function's, and those of attributes.
  static std::vector<std::string_view> called_in(const std::vector<Token>& head) {
    std::vector<std::string_view> names;
    std::size_t depth = 0;
    for (std::size_t i = 0; i < head.size(); ++i) {
      if (head[i].is("(") && depth++ == 0 && i > 0 && head[i - 1].kind == TokenKind::identifier)
        names.push_back(head[i - 1].text);
      if (head[i].is(")") && depth > 0) --depth;
    }
    return names;
  }

  void add(Definition definition, const std::vector<std::string_view>& names) {
    for (const std::string_view name : names) into_.by_name_[name].push_back(into_.all_.size());
    into_.all_.push_back(std::move(definition));
  }

  Definitions& into_;
  std::size_t depth_ = 0;
  std::vector<Branches> branches_;
  std::vector<Token> head_;
  Definition function_;
  std::vector<std::string_view> names_, outermost_names_, functions_;
};

Definitions::Definitions(const ProgramText& text) {
  DefinitionReader reader(*this);
  for (const auto& part : text.parts) reader.read(*part);
  find_functions_of_any_name(reader.functions());
  if (make_functions(reader.outermost_names())) complete_ = false;
}

const std::vector<std::size_t>& Definitions::of(std::string_view name) const {
  static const std::vector<std::size_t> none;
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? none : found->second;
}

void Definitions::find_functions_of_any_name(const std::vector<std::string_view>& functions) {
  const auto is_macro = [&](std::size_t index) { return all_[index].is_macro; };
  for (const std::string_view name : functions)
    if (std::ranges::any_of(of(name), is_macro)) of_any_name_.push_back(name);
}

bool Definitions::make_functions(const std::vector<std::string_view>& names) const {
  std::unordered_set<std::string_view> seen(names.begin(), names.end());
  std::vector<std::string_view> left(seen.begin(), seen.end());
  while (!left.empty()) {
    const std::string_view name = left.back();
    left.pop_back();
    for (const std::size_t index : of(name)) {
      if (!all_[index].is_macro) continue;
      for (const Token& token : all_[index].tokens) {
        if (token.is("{")) return true;
        if (token.kind == TokenKind::identifier && seen.insert(token.text).second) left.push_back(token.text);
      }
    }
  }
  return false;
}

}  // namespace sluice::backend::opencl
