#include "daemon/backends/opencl/loops.h"

#include <algorithm>
#include <unordered_set>

namespace sluice::backend::opencl {
namespace {

using Tokens = std::vector<Token>;

constexpr std::size_t loops_max = 256;  // of one definition; with more, all of it counts as one

struct Range {
  std::size_t begin = 0, end = 0;  // without the last
  bool swaps = false;

  bool holds(std::size_t at) const { return begin <= at && at < end; }
};

bool is_atomic(std::string_view name) { return name.starts_with("atomic_") || name.starts_with("atom_"); }

bool is_swap(std::string_view name) {
  return is_atomic(name) &&
         (name.find("cmpxchg") != std::string_view::npos || name.find("compare_exchange") != std::string_view::npos ||
          name.find("xchg") != std::string_view::npos);
}

// Just behind what closes the bracket at `open`; the end, if nothing does.
std::size_t behind_closing(const Tokens& tokens, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t at = open; at < tokens.size(); ++at) {
    if (tokens[at].is("(") || tokens[at].is("{")) ++depth;
    if ((tokens[at].is(")") || tokens[at].is("}")) && --depth == 0) return at + 1;
  }
  return tokens.size();
}

// Just behind the statement that starts at `at`.
std::size_t behind_statement(const Tokens& tokens, std::size_t at) {
  for (; at < tokens.size(); ++at) {
    if (tokens[at].is("{")) return behind_closing(tokens, at);
    if (tokens[at].is("(")) at = behind_closing(tokens, at) - 1;
    if (at >= tokens.size() || !tokens[at].is(";")) continue;
    if (at + 1 >= tokens.size() || !tokens[at + 1].is("else")) return at + 1;
  }
  return tokens.size();
}

// A `for` or `while` with its condition and body, or a `do` with its body and condition.
Range loop_at(const Tokens& tokens, std::size_t at) {
  if (tokens[at].is("do")) return {at, behind_statement(tokens, behind_statement(tokens, at + 1))};
  return {at, behind_statement(tokens, behind_closing(tokens, at + 1))};
}

std::vector<Range> ranges_of(const Definition& definition, bool all) {
  const Tokens& tokens = definition.tokens;
  std::vector<Range> ranges;
  for (std::size_t at = definition.body_at; at < tokens.size(); ++at) {
    all |= tokens[at].is("goto") || ranges.size() > loops_max;
    if (!is_loop_keyword(tokens[at].text) || ranges.size() > loops_max) continue;
    // In a macro, what the loop goes on with may be outside of it.
    ranges.push_back(definition.is_macro ? Range{at, tokens.size()} : loop_at(tokens, at));
  }
  if (ranges.size() > loops_max) ranges.clear();
  if (all) ranges.push_back({definition.body_at, tokens.size()});
  for (Range& range : ranges)
    range.swaps =
        std::any_of(tokens.begin() + static_cast<long>(range.begin), tokens.begin() + static_cast<long>(range.end),
                    [](const Token& token) { return is_swap(token.text); });
  return ranges;
}

// Pointers to memory that is not local, declared `volatile` anywhere in the definition.
std::unordered_set<std::string_view> volatile_pointers(const Tokens& tokens) {
  std::unordered_set<std::string_view> names;
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    if (!tokens[at].is("volatile")) continue;
    std::string_view name;
    bool pointer = false;
    std::size_t end = at + 1;
    for (; end < tokens.size() && tokens[end].text.find_first_of(",)(;={") == std::string_view::npos; ++end) {
      pointer |= tokens[end].is("*") || tokens[end].is("[");
      if (tokens[end].kind == TokenKind::identifier) name = tokens[end].text;
    }
    const auto is_local = [](const Token& token) { return token.is("local") || token.is("__local"); };
    const auto from = tokens.begin() + static_cast<long>(at - std::min<std::size_t>(at, 2));
    if (pointer && std::none_of(from, tokens.begin() + static_cast<long>(end), is_local)) names.insert(name);
  }
  return names;
}

// Is what the name at `at` points to, with its index, given a value?
bool is_assigned(const Tokens& tokens, std::size_t at) {
  std::size_t depth = 0;
  for (++at; at + 1 < tokens.size(); ++at) {
    if (tokens[at].is("[")) ++depth;
    if (tokens[at].is("]")) --depth;
    if (depth == 0 && !tokens[at].is("]")) break;
  }
  return at + 1 < tokens.size() && tokens[at].is("=") && !tokens[at + 1].is("=");
}

// `name[...]`, `name->` or `*name`, and neither the address of it nor a value's way into it.
bool is_read(const Tokens& tokens, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && tokens[before - 1].is("(")) --before;
  if (is_assigned(tokens, at) || (at > 0 && tokens[at - 1].is("&"))) return false;
  if (before > 0 && tokens[before - 1].is("*")) return true;
  return at + 1 < tokens.size() && (tokens[at + 1].is("[") || tokens[at + 1].is("-"));
}

bool is_zero(const Token& token) {
  return token.kind == TokenKind::number && token.text.find_first_not_of("0xuUlL") == std::string_view::npos;
}

// An atomic operation with a plain 0 for an operand.
bool changes_nothing(const Tokens& tokens, std::size_t at) {
  if (at + 1 >= tokens.size() || !tokens[at + 1].is("(")) return false;
  const std::size_t end = behind_closing(tokens, at + 1);
  for (std::size_t i = at + 3; i + 1 < end; ++i)
    if (is_zero(tokens[i]) && tokens[i - 1].is(",") && (tokens[i + 1].is(",") || tokens[i + 1].is(")"))) return true;
  return false;
}

bool is_fence(const Tokens& tokens, std::size_t at) {
  const std::string_view name = tokens[at].text;
  if (name == "atomic_work_item_fence") return true;
  if (name != "mem_fence" && name != "read_mem_fence") return false;
  return at + 3 >= tokens.size() || !tokens[at + 2].is("CLK_LOCAL_MEM_FENCE") || !tokens[at + 3].is(")");
}

// A cast to a volatile pointer, as in `*(volatile global int*)p`.
bool is_volatile_cast(const Tokens& tokens, std::size_t at) {
  if (!tokens[at].is("volatile")) return false;
  std::size_t open = at;
  while (open > 0 && tokens[open - 1].kind == TokenKind::identifier) --open;
  return open > 1 && tokens[open - 1].is("(") && tokens[open - 2].is("*");
}

bool looks_at_memory(const Tokens& tokens, std::size_t at, const std::unordered_set<std::string_view>& pointers) {
  const Token& token = tokens[at];
  if (token.kind != TokenKind::identifier) return false;
  if (token.text.starts_with("atomic_load") || is_fence(tokens, at)) return true;
  if (is_atomic(token.text) && !is_swap(token.text)) return changes_nothing(tokens, at);
  return is_volatile_cast(tokens, at) || (pointers.contains(token.text) && is_read(tokens, at));
}

const Range* innermost(const std::vector<Range>& ranges, std::size_t at) {
  const Range* best = nullptr;
  for (const Range& range : ranges)
    if (range.holds(at) && (best == nullptr || range.end - range.begin < best->end - best->begin)) best = &range;
  return best;
}

}  // namespace

bool is_loop_keyword(std::string_view name) { return name == "for" || name == "while" || name == "do"; }

Loops loops_of(const Definition& definition, bool uses_loop_macros) {
  const Tokens& tokens = definition.tokens;
  const std::vector<Range> ranges = ranges_of(definition, uses_loop_macros);
  const auto pointers = volatile_pointers(tokens);
  Loops loops;
  for (std::size_t at = definition.body_at; at < tokens.size(); ++at) {
    if (tokens[at].kind != TokenKind::identifier) continue;
    const bool looks = looks_at_memory(tokens, at, pointers);
    const Range* loop = innermost(ranges, at);
    if (loop == nullptr) loops.looks |= looks;
    if (loop == nullptr || loop->swaps) continue;
    loops.called.push_back(tokens[at].text);
    if (looks) loops.waits = tokens[at].text;
  }
  return loops;
}

}  // namespace sluice::backend::opencl
