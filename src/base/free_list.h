// FreeList: records that one thread takes and any thread gives back, without a lock.
//
// Records are made in slabs and never returned to the system while the list lives, so a record's address stays good for
// as long as somebody holds it. Given-back records gather on a stack that is only ever pushed to or taken whole, which
// is why no record can be mistaken for its predecessor at the same address.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

namespace sluice {

// REQUIRES: Record has a member `Record* next_free`, which is the list's own while the record is not taken.
template <typename Record>
class FreeList {
 public:
  FreeList() = default;
  FreeList(const FreeList&) = delete;
  FreeList& operator=(const FreeList&) = delete;
  ~FreeList() {
    for (Slab* slab = slabs_.load(std::memory_order_acquire); slab != nullptr;) delete std::exchange(slab, slab->older);
  }

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
    } while (!returned_.compare_exchange_weak(top, record, std::memory_order_release, std::memory_order_relaxed));
  }

  // Every record that was ever taken, and some that were not. Any thread; what a record says of itself must be atomic.
  template <typename Look>
  void for_each(Look look) {
    for (Slab* slab = slabs_.load(std::memory_order_acquire); slab != nullptr; slab = slab->older)  // pairs with grow
      for (Record& record : slab->records) look(record);
  }

 private:
  static constexpr std::size_t slab_records = 256;
  struct Slab {
    std::array<Record, slab_records> records;
    Slab* older = nullptr;
  };

  void grow() {
    Slab* slab = new Slab();
    for (Record& record : slab->records) {
      record.next_free = mine_;
      mine_ = &record;
    }
    slab->older = slabs_.load(std::memory_order_relaxed);
    slabs_.store(slab, std::memory_order_release);  // pairs with for_each
  }

  Record* mine_ = nullptr;  // the taker's alone
  std::atomic<Record*> returned_{nullptr};
  std::atomic<Slab*> slabs_{nullptr};
};

}  // namespace sluice
