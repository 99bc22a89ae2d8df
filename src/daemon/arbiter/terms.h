// ComputeTerms: what a tenant was promised of a device's time, and what bounds it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"

namespace sluice::arbiter {

// Who goes first, and who gets what nobody was promised. Guarantees hold whatever the class.
enum class PriorityClass : std::uint8_t { latency, standard, best_effort };

struct ComputeTerms {
  MilliGpu guarantee;        // of a device's time, whenever it is wanted; also the weight among equals
  MilliGpu cap = whole_gpu;  // never more than this, even of an idle device. REQUIRES: guarantee <= cap, cap > 0
  PriorityClass priority_class = PriorityClass::standard;
  bool suspended = false;  // gets nothing until it is resumed
  friend bool operator==(const ComputeTerms&, const ComputeTerms&) = default;
};

// "latency", "standard", "best-effort".
constexpr std::string_view class_name(PriorityClass priority_class) {
  switch (priority_class) {
    case PriorityClass::latency: return "latency";
    case PriorityClass::standard: return "standard";
    case PriorityClass::best_effort: return "best-effort";
  }
  return "";
}

constexpr std::optional<PriorityClass> parse_class(std::string_view name) {
  for (const auto each : {PriorityClass::latency, PriorityClass::standard, PriorityClass::best_effort})
    if (class_name(each) == name) return each;
  return std::nullopt;
}

}  // namespace sluice::arbiter
