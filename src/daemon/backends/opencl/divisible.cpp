#include "daemon/backends/opencl/divisible.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "daemon/backends/opencl/definitions.h"
#include "daemon/backends/opencl/loops.h"

namespace sluice::backend::opencl {
namespace {

using Names = std::unordered_set<std::string_view>;

constexpr std::array<std::string_view, 17> telling{
    "get_group_id",   "get_num_groups", "get_global_size",   "get_global_offset", "get_global_linear_id",
    "enqueue_kernel", "enqueue_marker", "get_default_queue", "queue_t",           "ndrange_t",
    "clk_event_t",    "ndrange_1D",     "ndrange_2D",        "ndrange_3D",        "pipe",
    "__pipe",         "read_pipe"};
constexpr std::array<std::string_view, 14> local{"get_local_id",
                                                 "get_local_size",
                                                 "get_local_linear_id",
                                                 "get_enqueued_local_size",
                                                 "local",
                                                 "__local",
                                                 "barrier",
                                                 "wait_group_events",
                                                 "get_sub_group_id",
                                                 "get_sub_group_size",
                                                 "get_num_sub_groups",
                                                 "get_max_sub_group_size",
                                                 "get_sub_group_local_id",
                                                 "get_enqueued_num_sub_groups"};
constexpr std::array<std::string_view, 4> local_prefixes{"work_group_", "sub_group_", "intel_sub_group_",
                                                         "async_work_group_"};
// In names that begin with an underscore, which are the compiler's.
constexpr std::array<std::string_view, 13> telling_pieces{
    "group_id",     "num_groups",  "global_size",   "global_offset", "global_linear_id", "ctaid",      "grid_size",
    "workgroup_id", "WorkgroupId", "NumWorkgroups", "GlobalSize",    "dispatch_",        "implicitarg"};
// In strings, which may be assembly.
constexpr std::array<std::string_view, 4> telling_registers{"ctaid", "gridid", "workgroup_id", "ttmp"};

bool has_one_of(std::string_view text, std::span<const std::string_view> pieces) {
  return std::ranges::any_of(pieces, [&](std::string_view piece) { return text.find(piece) != text.npos; });
}

Divisible judged(std::string_view name) {
  if (std::ranges::find(telling, name) != telling.end()) return Divisible::never;
  if (name[0] == '_' && has_one_of(name, telling_pieces)) return Divisible::never;
  if (name[0] == '"' && has_one_of(name, telling_registers)) return Divisible::never;
  const auto starts = [&](std::string_view prefix) { return name.starts_with(prefix); };
  if (std::ranges::find(local, name) != local.end() || std::ranges::any_of(local_prefixes, starts))
    return Divisible::if_local_size_given;
  return Divisible::always;
}

// Of several reasons for the same, the first in the alphabet stays.
void worsen(Division& division, Divisible divisible, std::string because) {
  const bool worse = divisible < division.divisible;
  if (worse || (divisible == division.divisible && because < division.because))
    division = {divisible, std::move(because)};
}

void judge(Division& division, std::string_view name) {
  if (const Divisible divisible = judged(name); divisible != Divisible::always)
    worsen(division, divisible, "uses " + std::string(name));
}

// Nobody pastes the language's own names from single letters, and those are all words of a large program.
constexpr std::size_t built_in_first_chars_min = 3;

bool can_name(const Token& token) { return token.kind == TokenKind::identifier || token.kind == TokenKind::quoted; }

class Judge {
 public:
  explicit Judge(const ProgramText& text) : text_(text), definitions_(text), understood_(text.complete) {
    for (const auto& part : text.parts) understood_ &= part->understood();
    find_loop_macros();
  }

  Division of(const std::string& kernel) {
    if (!understood_) return {Divisible::never, "its text is not understood"};
    if (!definitions_.complete() || !defines_function(kernel)) return of_all();
    const Reached reached = reach(kernel);
    Division division{Divisible::always, {}};
    for (const std::string_view name : reached.names) judge(division, name);
    for (const std::size_t index : reached.definitions)
      if (const std::string_view what = waits(index); !what.empty())
        worsen(division, Divisible::never, "may wait for other work-groups, with " + std::string(what));
    return division;
  }

 private:
  // What a name leads to, with what may have been defined by that name.
  struct Reached {
    Names names;
    std::unordered_set<std::size_t> definitions;
  };

  bool defines_function(std::string_view name) const {
    return std::ranges::any_of(definitions_.of(name), [&](std::size_t i) { return !definitions_.all()[i].is_macro; });
  }

  Reached reach(std::string_view from) {
    Reached reached{{from}, {}};
    std::vector<std::string_view> left{from};
    const auto name = [&](std::string_view next) {
      if (reached.names.insert(next).second) left.push_back(next);
    };
    std::ranges::for_each(definitions_.of_any_name(), name);
    while (!left.empty()) {
      const std::string_view next = left.back();
      left.pop_back();
      for (const std::size_t index : definitions_.of(next)) {
        if (!reached.definitions.insert(index).second) continue;
        for (const Token& token : definitions_.all()[index].tokens)
          if (can_name(token)) name(token.text);
        if (definitions_.all()[index].pastes) std::ranges::for_each(pasted(), name);
      }
    }
    return reached;
  }

  // Names that matter and can be put together from two or more of the program's words.
  const std::vector<std::string_view>& pasted() {
    if (pasted_) return *pasted_;
    pasted_.emplace();
    const auto look = [&](std::string_view name, std::size_t first_chars_min) {
      if (can_be_pasted(name, first_chars_min)) pasted_->push_back(name);
    };
    for (const auto& [name, unused] : definitions_.by_name()) look(name, 1);
    for (const std::string_view name : telling) look(name, built_in_first_chars_min);
    for (const std::string_view name : local) look(name, built_in_first_chars_min);
    return *pasted_;
  }

  bool can_be_pasted(std::string_view name, std::size_t first_chars_min) {
    // reached[i]: the first i characters are words in a row; a single word that is all of it is not pasted.
    std::vector<bool> reached(name.size() + 1);
    reached[0] = true;
    for (std::size_t begin = 0; begin < name.size(); ++begin)
      for (std::size_t end = begin + (begin == 0 ? first_chars_min : 1); reached[begin] && end <= name.size(); ++end)
        if (end - begin < name.size() && words().contains(name.substr(begin, end - begin))) reached[end] = true;
    return reached[name.size()];
  }

  // Most programs are large and their kernels lead to little of them: what follows is found when it is asked for.

  const Names& words() {
    if (!words_.empty()) return words_;
    for (const auto& part : text_.parts)
      for (const Token& token : part->tokens()) words_.insert(token.text);
    return words_;
  }

  void find_loop_macros() {
    const auto has_loop_keyword = [](const Definition& definition) {
      return std::ranges::any_of(definition.tokens, [](const Token& token) { return is_loop_keyword(token.text); });
    };
    for (const auto& [name, indices] : definitions_.by_name())
      for (const std::size_t index : indices)
        if (definitions_.all()[index].is_macro && has_loop_keyword(definitions_.all()[index]))
          loop_macros_.insert(name);
  }

  const Loops& loops(std::size_t index) {
    if (const auto known = loops_.find(index); known != loops_.end()) return known->second;
    const Definition& definition = definitions_.all()[index];
    const bool all_in_loop = !loop_macros_.empty() && std::ranges::any_of(definition.tokens, [&](const Token& token) {
      return loop_macros_.contains(token.text);
    });
    return loops_.emplace(index, loops_of(definition, all_in_loop)).first->second;
  }

  // What a loop of this definition looks at memory with; empty: none does.
  std::string_view waits(std::size_t index) {
    const Loops& own = loops(index);
    if (!own.waits.empty()) return own.waits;
    const auto looks = std::ranges::find_if(own.called, [&](std::string_view name) { return leads_to_look(name); });
    return looks == own.called.end() ? std::string_view() : *looks;
  }

  bool leads_to_look(std::string_view name) {
    if (definitions_.of(name).empty()) return false;
    if (const auto known = leads_to_look_.find(name); known != leads_to_look_.end()) return known->second;
    const Reached reached = reach(name);
    return leads_to_look_[name] =
               std::ranges::any_of(reached.definitions, [&](std::size_t index) { return loops(index).looks; });
  }

  // By every word of the program.
  const Division& of_all() {
    if (of_all_) return *of_all_;
    of_all_ = Division{Divisible::always, {}};
    for (const std::string_view word : words())
      if (!word.empty()) judge(*of_all_, word);
    if (words().contains("##")) std::ranges::for_each(pasted(), [&](std::string_view name) { judge(*of_all_, name); });
    for (std::size_t index = 0; index < definitions_.all().size(); ++index)
      if (const Loops& own = loops(index); own.looks || !own.waits.empty())
        worsen(*of_all_, Divisible::never, "may wait for other work-groups");
    if (!of_all_->because.empty()) of_all_->because += ", perhaps";
    return *of_all_;
  }

  const ProgramText& text_;
  const Definitions definitions_;
  bool understood_;
  Names words_, loop_macros_;
  std::unordered_map<std::size_t, Loops> loops_;
  std::optional<std::vector<std::string_view>> pasted_;
  std::unordered_map<std::string_view, bool> leads_to_look_;
  std::optional<Division> of_all_;
};

}  // namespace

Divisions divisions_of(const ProgramText& text, std::span<const std::string> kernels) {
  if (kernels.empty()) return {};
  Judge judge(text);
  Divisions divisions;
  for (const std::string& kernel : kernels) divisions[kernel] = judge.of(kernel);
  return divisions;
}

std::string describe(const Division& division) {
  const std::string because = division.because.empty() ? "" : " (" + division.because + ")";
  switch (division.divisible) {
    case Divisible::never: break;
    case Divisible::if_local_size_given: return "if a local size is given" + because;
    case Divisible::always: return "always" + because;
  }
  return "never" + because;
}

}  // namespace sluice::backend::opencl
