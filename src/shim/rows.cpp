#include "shim/rows.h"

#include <cstring>

namespace sluice::shim {
namespace {

// One packed piece is copied as one: a single memcpy is faster than one per row.
bool rows_are_joined(const RowCopy& copy) {
  return copy.rows == 1 || (copy.from_pitch.row == copy.row_bytes && copy.to_pitch.row == copy.row_bytes);
}

bool slices_are_joined(const RowCopy& copy) {
  const std::size_t slice_bytes = copy.row_bytes * copy.rows;
  return copy.slices == 1 || (copy.from_pitch.slice == slice_bytes && copy.to_pitch.slice == slice_bytes);
}

void copy_slice(const RowCopy& copy, const std::byte* from, std::byte* to) {
  for (std::size_t row = 0; row < copy.rows; ++row)
    std::memcpy(to + row * copy.to_pitch.row, from + row * copy.from_pitch.row, copy.row_bytes);
}

}  // namespace

void RowCopy::run() const {
  const bool rows_joined = rows_are_joined(*this);
  if (rows_joined && slices_are_joined(*this)) {
    std::memcpy(to, from, bytes());
    return;
  }
  for (std::size_t slice = 0; slice < slices; ++slice) {
    const std::byte* slice_from = from + slice * from_pitch.slice;
    std::byte* slice_to = to + slice * to_pitch.slice;
    if (rows_joined) std::memcpy(slice_to, slice_from, row_bytes * rows);
    else copy_slice(*this, slice_from, slice_to);
  }
}

}  // namespace sluice::shim
