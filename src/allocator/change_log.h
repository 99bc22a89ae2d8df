// ChangeLog: which nodes of a pool changed, in order, so that what is derived from the pool can be brought up to date
// without looking at every node. The oldest entries are forgotten.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "allocator/node.h"
#include "base/contract.h"

namespace sluice::allocator {

class ChangeLog {
 public:
  explicit ChangeLog(std::size_t nodes) : kept_(std::max<std::size_t>(1024, nodes)) {}

  // The numbers of the changes that are still known: from begin() to end() - 1. A reader that has seen only changes
  // before begin() must look at all nodes.
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return begin_ + nodes_.size(); }
  // REQUIRES: begin() <= number < end().
  NodeIndex operator[](std::uint64_t number) const {
    SLUICE_REQUIRE(number >= begin_ && number - begin_ < nodes_.size());
    return nodes_[number - begin_];
  }
  // How many changes there were without moves that were tried and undone.
  std::uint64_t lasting() const { return end() - undone_; }

  void add(NodeIndex node) {
    if (nodes_.size() >= 2 * kept_) {
      nodes_.erase(nodes_.begin(), nodes_.end() - static_cast<std::ptrdiff_t>(kept_));
      begin_ += kept_;
    }
    nodes_.push_back(node);
  }
  // The last `changes` changes undid each other.
  void count_undone(std::uint64_t changes) { undone_ += changes; }

 private:
  std::size_t kept_;
  std::vector<NodeIndex> nodes_;
  std::uint64_t begin_ = 0, undone_ = 0;
};

}  // namespace sluice::allocator
