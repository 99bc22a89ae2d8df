// A device's slices as a bar: "[aaaaabbb............]", one letter for each tenant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::cli {

inline constexpr std::size_t slice_bar_cells = 20;

// What stands for slice number i of a device. After 26 slices letters come again.
char slice_letter(std::size_t i);

// slices: milli-GPU of each; offered: of the device. A slice has its part of the cells, and at least one if it has any
// milli-GPU and there is room. Slices that are more than the device fill the bar.
std::string slice_bar(const std::vector<std::uint64_t>& slices, std::uint64_t offered);

}  // namespace sluice::cli
