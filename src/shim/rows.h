// RowCopy: moves a box of bytes between two pieces of the program's memory that lay their rows out differently.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::shim {

// Distances in bytes from one row to the next and from one slice to the next.
struct Pitches {
  std::size_t row = 0, slice = 0;
};

struct RowCopy {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  std::size_t row_bytes = 0, rows = 1, slices = 1;
  Pitches from_pitch, to_pitch;  // not looked at where there is only one row, or one slice

  static RowCopy plain(const void* from, void* to, std::size_t bytes) {
    return {
        static_cast<const std::byte*>(from), static_cast<std::byte*>(to), bytes, 1, 1, {bytes, bytes}, {bytes, bytes}};
  }
  std::size_t bytes() const { return row_bytes * rows * slices; }
  // From `to` to just behind the last byte written.
  std::size_t reach() const { return (slices - 1) * to_pitch.slice + (rows - 1) * to_pitch.row + row_bytes; }
  // The ranges must not overlap.
  void run() const;
};

}  // namespace sluice::shim
