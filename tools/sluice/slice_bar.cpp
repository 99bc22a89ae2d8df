#include "tools/sluice/slice_bar.h"

#include <algorithm>
#include <numeric>

namespace sluice::cli {

char slice_letter(std::size_t i) { return static_cast<char>('a' + i % 26); }

std::string slice_bar(const std::vector<std::uint64_t>& slices, std::uint64_t offered) {
  const std::uint64_t whole = std::max(offered, std::accumulate(slices.begin(), slices.end(), std::uint64_t{0}));
  std::string cells;
  std::uint64_t milli = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (slices[i] == 0) continue;
    milli += slices[i];
    const std::size_t end = (milli * slice_bar_cells + whole / 2) / whole;
    cells.resize(std::min(std::max(end, cells.size() + 1), slice_bar_cells), slice_letter(i));
  }
  cells.resize(slice_bar_cells, '.');
  return "[" + cells + "]";
}

}  // namespace sluice::cli
