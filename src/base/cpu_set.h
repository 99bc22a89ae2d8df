// CpuSet: a set of the machine's CPUs, as the kernel numbers them, and as people write it: "0-3,8".
//
// A value. Thread-safe like an int.
#pragma once

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice {

class CpuSet {
 public:
  static constexpr std::uint32_t cpus_max = 1024;

  // The kernel's format for lists (cpuset(7), "List format"). invalid_argument: another text, or no CPU.
  static Result<CpuSet> parse(std::string_view list);
  // Those that the calling thread may run on. Empty: the kernel does not say.
  static CpuSet allowed();

  // REQUIRES, of both: cpu < cpus_max.
  void add(std::uint32_t cpu);
  bool has(std::uint32_t cpu) const;
  bool empty() const { return count() == 0; }
  std::uint32_t count() const;
  bool includes(const CpuSet& other) const;
  bool overlaps(const CpuSet& other) const;

  // This set in `parts` runs, in ascending order, whose sizes differ by one at most. REQUIRES: 0 < parts <= count().
  std::vector<CpuSet> divide(std::uint32_t parts) const;

  std::string to_string() const;  // as parse() reads it; "" for the empty set
  // As sched_setaffinity(2) takes it.
  std::span<const unsigned long> words() const { return words_; }

  friend bool operator==(const CpuSet&, const CpuSet&) = default;

 private:
  static constexpr std::uint32_t word_bits = sizeof(unsigned long) * CHAR_BIT;
  std::array<unsigned long, cpus_max / word_bits> words_{};
};

}  // namespace sluice
