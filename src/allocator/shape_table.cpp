#include "allocator/shape_table.h"

#include "base/contract.h"

namespace sluice::allocator {

ShapeIndex ShapeTable::add(const Shape& shape) {
  const auto [found, fresh] = indices_.try_emplace(shape, end());
  if (fresh && !free_.empty()) {
    found->second = free_.back();
    free_.pop_back();
    shapes_[found->second].shape = shape;
  } else if (fresh) {
    shapes_.push_back({shape, 0});
  }
  ++shapes_[found->second].slices;
  return found->second;
}

void ShapeTable::remove(ShapeIndex index) {
  SLUICE_REQUIRE(index < shapes_.size() && shapes_[index].slices > 0);
  if (--shapes_[index].slices > 0) return;
  indices_.erase(shapes_[index].shape);
  free_.push_back(index);
}

}  // namespace sluice::allocator
