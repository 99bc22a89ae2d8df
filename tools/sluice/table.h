// Tables for people: a header, columns as wide as they need to be, numbers to the right.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/contract.h"

namespace sluice::cli {

enum class Align { left, right };

class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells) {
    SLUICE_REQUIRE(cells.size() == columns_.size());
    rows_.push_back(std::move(cells));
  }
  bool empty() const { return rows_.empty(); }
  // Lines with a newline each; no blanks at their ends.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// A share of compute for a cell: "250m"; "-" for none promised.
std::string share_cell(std::uint64_t milli);
// How long ago, in the coarsest unit that still tells: "42s", "7m", "3h12m", "5d".
std::string age_cell(std::uint64_t nanoseconds);

}  // namespace sluice::cli
