// Definitions: the functions and macros of a program's text, and what each of them names.
//
// It is no parser: a function is what stands at the outermost level as `name ( ... ) ... { ... }`, and what several
// branches of an #if say is taken together. All names point into the program's text, which outlives this.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/backends/opencl/program_text.h"

namespace sluice::backend::opencl {

struct Definition {
  std::vector<Token> tokens;  // of a function: its head, then its body between the outermost braces
  std::size_t body_at = 0;
  bool is_macro = false;
  bool pastes = false;  // has a `##`
};

class Definitions {
 public:
  explicit Definitions(const ProgramText& text);

  // False: some may have been missed, as the text's braces do not add up, a macro makes a function, or a function's
  // text goes on in another file.
  bool complete() const { return complete_; }
  const std::vector<Definition>& all() const { return all_; }
  // Indices into all(), of every definition of that name.
  const std::vector<std::size_t>& of(std::string_view name) const;
  const std::unordered_map<std::string_view, std::vector<std::size_t>>& by_name() const { return by_name_; }
  // Functions whose names are macros' as well, as in `int NAME(f)(int x) {`: they may have any name.
  const std::vector<std::string_view>& of_any_name() const { return of_any_name_; }

 private:
  friend class DefinitionReader;

  void find_functions_of_any_name(const std::vector<std::string_view>& functions);
  // Does a macro among these names stand for one with a brace in it?
  bool make_functions(const std::vector<std::string_view>& names) const;

  std::vector<Definition> all_;
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_name_;
  std::vector<std::string_view> of_any_name_;
  bool complete_ = true;
};

}  // namespace sluice::backend::opencl
