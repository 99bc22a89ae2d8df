#include "tools/sluice/table.h"

#include <algorithm>

namespace sluice::cli {
namespace {

constexpr const char* gap = "  ";

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::string blanks(width - text.size(), ' ');
  return align == Align::left ? text + blanks : blanks + text;
}

}  // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(column.title.size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      text += (i == 0 ? "" : gap) + padded(cell_of(i), widths[i], columns_[i].align);
    return text.erase(text.find_last_not_of(' ') + 1) + "\n";
  };
  std::string all = line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) all += line([&](std::size_t i) { return row[i]; });
  return all;
}

std::string share_cell(std::uint64_t milli) { return milli == 0 ? "-" : std::to_string(milli) + "m"; }

std::string age_cell(std::uint64_t nanoseconds) {
  const std::uint64_t seconds = nanoseconds / 1'000'000'000;
  if (seconds < 60) return std::to_string(seconds) + "s";
  const std::uint64_t minutes = seconds / 60;
  if (minutes < 60) return std::to_string(minutes) + "m";
  const std::uint64_t hours = minutes / 60;
  if (hours < 24) return std::to_string(hours) + "h" + std::to_string(minutes % 60) + "m";
  return std::to_string(hours / 24) + "d";
}

}  // namespace sluice::cli
