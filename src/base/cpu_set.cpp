#include "base/cpu_set.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include "base/contract.h"

namespace sluice {
namespace {

Status not_a_list(std::string_view list) {
  return Status(Code::invalid_argument, "'" + std::string(list) + "' is not a list of CPUs, such as \"0-3,8\"");
}

struct Run {
  std::uint32_t first = 0, last = 0;
};

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value >= CpuSet::cpus_max) return std::nullopt;
  return value;
}

std::optional<Run> run_of(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return Run{*first, *last};
}

}  // namespace

Result<CpuSet> CpuSet::parse(std::string_view list) {
  CpuSet set;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const auto run = run_of(list.substr(at, comma - at));
    if (!run) return not_a_list(list);
    for (std::uint32_t cpu = run->first; cpu <= run->last; ++cpu) set.add(cpu);
    at = comma + 1;
  }
  return set;
}

CpuSet CpuSet::allowed() {
  CpuSet set;
  // Not the C library's wrapper, which knows no more CPUs than its cpu_set_t has.
  (void)syscall(SYS_sched_getaffinity, 0, sizeof set.words_, set.words_.data());
  return set;
}

void CpuSet::add(std::uint32_t cpu) {
  SLUICE_REQUIRE(cpu < cpus_max);
  words_[cpu / word_bits] |= 1ul << cpu % word_bits;
}

bool CpuSet::has(std::uint32_t cpu) const {
  SLUICE_REQUIRE(cpu < cpus_max);
  return (words_[cpu / word_bits] >> cpu % word_bits & 1) != 0;
}

std::uint32_t CpuSet::count() const {
  int count = 0;
  for (const unsigned long word : words_) count += std::popcount(word);
  return static_cast<std::uint32_t>(count);
}

bool CpuSet::includes(const CpuSet& other) const {
  for (std::size_t i = 0; i < words_.size(); ++i)
    if ((other.words_[i] & ~words_[i]) != 0) return false;
  return true;
}

bool CpuSet::overlaps(const CpuSet& other) const {
  for (std::size_t i = 0; i < words_.size(); ++i)
    if ((other.words_[i] & words_[i]) != 0) return true;
  return false;
}

std::vector<CpuSet> CpuSet::divide(std::uint32_t parts) const {
  const std::uint32_t all = count();
  SLUICE_REQUIRE(parts > 0 && parts <= all);
  std::vector<CpuSet> sets(parts);
  std::uint32_t part = 0;
  for (std::uint32_t cpu = 0; cpu < cpus_max; ++cpu) {
    if (!has(cpu)) continue;
    const std::uint32_t size = all / parts + (part < all % parts ? 1 : 0);
    sets[part].add(cpu);
    if (sets[part].count() == size) ++part;
  }
  return sets;
}

std::string CpuSet::to_string() const {
  std::string text;
  for (std::uint32_t cpu = 0; cpu < cpus_max; ++cpu) {
    if (!has(cpu)) continue;
    const std::uint32_t first = cpu;
    while (cpu + 1 < cpus_max && has(cpu + 1)) ++cpu;
    text += (text.empty() ? "" : ",") + std::to_string(first);
    if (cpu > first) text += "-" + std::to_string(cpu);
  }
  return text;
}

}  // namespace sluice
