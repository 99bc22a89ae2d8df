// FreeList: records that one thread takes and any thread gives back, without a lock.
//
// Records are made in slabs and never returned to the system while the list lives, so a record's address stays good for
// as long as somebody holds it. Given-back records gather on a stack that is only ever pushed to or taken whole, which
// is why no record can be mistaken for its predecessor at the same address.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace sluice {

// REQUIRES: Record has a member `Record* next_free`, which is the list's own while the record is not taken.
template <typename Record>
class FreeList {
 public:
  // One thread at a time.
  Record* take() {
    if (mine_ == nullptr) mine_ = returned_.exchange(nullptr, std::memory_order_acquire);  // pairs with give_back
    if (mine_ == nullptr) grow();
    Record* record = mine_;
    mine_ = record->next_free;
    return record;
  }

  // Any thread.
  void give_back(Record* record) {
    Record* top = returned_.load(std::memory_order_relaxed);
    do {
      record->next_free = top;
    } while (
        !returned_.compare_exchange_weak(top, record, std::memory_order_release, std::memory_order_relaxed));
  }

 private:
  static constexpr std::size_t slab_records = 256;
  using Slab = std::array<Record, slab_records>;

  void grow() {
    slabs_.push_back(std::make_unique<Slab>());
    for (Record& record : *slabs_.back()) {
      record.next_free = mine_;
      mine_ = &record;
    }
  }

  Record* mine_ = nullptr;  // the taker's alone
  std::atomic<Record*> returned_{nullptr};
  std::vector<std::unique_ptr<Slab>> slabs_;
};

}  // namespace sluice
