// ShapeTable: the shapes of the slices in a pool, each by a small number, so that what is known of a shape can be kept
// in an array. Slices of the same shape have the same number; a number is used again when its last slice has gone.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "allocator/request.h"

namespace sluice::allocator {

using ShapeIndex = std::uint32_t;

class ShapeTable {
 public:
  const Shape& operator[](ShapeIndex index) const { return shapes_[index].shape; }
  ShapeIndex end() const { return static_cast<ShapeIndex>(shapes_.size()); }  // more than any index

  // One more slice of this shape, or one less. REQUIRES of remove(): there is one.
  ShapeIndex add(const Shape& shape);
  void remove(ShapeIndex index);

 private:
  struct CountedShape {
    Shape shape;
    std::uint32_t slices = 0;  // 0: the index is free for another shape
  };

  std::vector<CountedShape> shapes_;
  std::map<Shape, ShapeIndex> indices_;
  std::vector<ShapeIndex> free_;
};

}  // namespace sluice::allocator
