#include "base/units.h"

#include <array>
#include <cstdio>
#include <limits>

namespace sluice {
namespace {

constexpr std::uint64_t bytes_max = std::numeric_limits<std::int64_t>::max();

struct Decimal {
  std::uint64_t digits = 0;  // the number without its point
  std::uint64_t scale = 1;   // 10 ^ digits after the point
  std::string_view rest;     // what follows the number
};

Result<Decimal> parse_decimal(std::string_view text) {
  Decimal number;
  bool seen_point = false;
  bool seen_digit = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !seen_point) {
      seen_point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    seen_digit = true;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number.digits > (bytes_max - digit) / 10 || (seen_point && number.scale > 1'000'000'000))
      return Status(Code::invalid_argument, "number too large: '" + std::string(text) + "'");
    number.digits = number.digits * 10 + digit;
    if (seen_point) number.scale *= 10;
  }
  if (!seen_digit) return Status(Code::invalid_argument, "not a number: '" + std::string(text) + "'");
  number.rest = text.substr(at);
  return number;
}

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array<Unit, 10> units{{{"", 1},
                                      {"B", 1},
                                      {"KiB", 1ull << 10},
                                      {"MiB", 1ull << 20},
                                      {"GiB", 1ull << 30},
                                      {"TiB", 1ull << 40},
                                      {"KB", 1'000},
                                      {"MB", 1'000'000},
                                      {"GB", 1'000'000'000},
                                      {"TB", 1'000'000'000'000}}};

// "1.5", "2", "0.33": no zeros at the end.
std::string two_decimals(double value) {
  char digits[48];
  std::snprintf(digits, sizeof digits, "%.2f", value);
  std::string text = digits;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

Result<MilliGpu> parse_milli_gpu(std::string_view text) {
  const auto [digits, scale, rest] = SLUICE_TRY(parse_decimal(text));
  const unsigned __int128 product = static_cast<unsigned __int128>(digits) * (rest == "m" ? 1 : 1000);
  if ((rest != "m" && !rest.empty()) || product % scale != 0)
    return Status(Code::invalid_argument, "not a share of a GPU: '" + std::string(text) + "' (write 250m, or 0.25)");
  if (product / scale > 1'000'000)
    return Status(Code::invalid_argument, "more than 1000 GPUs: '" + std::string(text) + "'");
  return MilliGpu{static_cast<std::uint32_t>(product / scale)};
}

std::string format_milli_gpu(MilliGpu share) { return std::to_string(share.value) + "m"; }

Result<std::uint64_t> parse_bytes(std::string_view text) {
  auto number = SLUICE_TRY(parse_decimal(text));
  const auto [digits, scale, rest] = number;
  for (const Unit& unit : units) {
    if (unit.name != rest) continue;
    const unsigned __int128 product = static_cast<unsigned __int128>(digits) * unit.bytes;
    if (product % scale != 0 || product / scale > bytes_max)
      return Status(Code::invalid_argument, "not a whole number of bytes: '" + std::string(text) + "'");
    return static_cast<std::uint64_t>(product / scale);
  }
  return Status(Code::invalid_argument, "unknown unit in '" + std::string(text) + "' (write 2GiB, 512MiB or bytes)");
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array<Unit, 5> shown{
      {{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}}};
  for (const Unit& unit : shown) {
    if (bytes < unit.bytes) continue;
    return two_decimals(static_cast<double>(bytes) / static_cast<double>(unit.bytes)).append(" ").append(unit.name);
  }
  return "0 B";
}

std::string format_duration(std::uint64_t nanoseconds) {
  char text[48];
  const auto ns = static_cast<double>(nanoseconds);
  if (nanoseconds < 1'000) std::snprintf(text, sizeof text, "%llu ns", static_cast<unsigned long long>(nanoseconds));
  else if (nanoseconds < 1'000'000) std::snprintf(text, sizeof text, "%.1f us", ns / 1e3);
  else if (nanoseconds < 1'000'000'000) std::snprintf(text, sizeof text, "%.2f ms", ns / 1e6);
  else std::snprintf(text, sizeof text, "%.2f s", ns / 1e9);
  return text;
}

}  // namespace sluice
