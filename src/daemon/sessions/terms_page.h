// TermsPage: what one session may do. Written by the daemon; its worker can only read it.
//
// One page per session, sealed against every mapping that could write but the daemon's own
// (wire/transport/shared_memory.h). A kernel that runs inside the worker can write whatever its worker can, so limits
// and lease terms lie here, and what the worker has to say to them lies in its report page (report_page.h). Nothing
// here is read back by the daemon but by the next one, which takes the session over: it finds here what the last one
// granted.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "daemon/arbiter/lease_terms.h"
#include "wire/transport/futex.h"

namespace sluice {

inline constexpr std::size_t terms_page_bytes = 4096;

enum LeaseGrantBit : std::uint64_t {
  lease_granted = 1,     // and not taken back; the worker may have given it back all the same
  lease_asked_back = 2,  // nothing may begin any more
};

// LeaseTerms in shared memory. A reader may see the words of two writers; each alone is one that was written, so it
// looks at the lease's number before and after.
class SharedLeaseTerms {
 public:
  void store(const LeaseTerms& terms) {
    const auto words = std::bit_cast<Words>(terms);
    for (std::size_t i = 0; i < words.size(); ++i) words_[i].store(words[i], std::memory_order_relaxed);
  }
  LeaseTerms load() const {
    Words words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = words_[i].load(std::memory_order_relaxed);
    return std::bit_cast<LeaseTerms>(words);
  }

 private:
  using Words = std::array<std::uint64_t, sizeof(LeaseTerms) / sizeof(std::uint64_t)>;
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Words>> words_;
};
static_assert(sizeof(SharedLeaseTerms) == sizeof(LeaseTerms) && sizeof(LeaseTerms) == 40);

// One lease. While no daemon lives the worker grants itself leases of this form, in memory of its own.
struct LeaseGrant {
  std::atomic<std::uint64_t> lease;  // its number in the upper half, LeaseGrantBit below; the rest is written before it
  std::atomic<Nanoseconds> granted_ns;  // when
  SharedLeaseTerms terms;
};

struct TermsPage {
  alignas(64) LeaseGrant grant;

  // Changes after a grant of a lease and after an answer to a wish for memory: wakes the worker's threads that wait for
  // either.
  alignas(64) wire::FutexWord changed;
  std::atomic<std::uint32_t> cap_milli;  // what holds while no daemon lives
  std::atomic<std::uint32_t> epoch;      // counts the pages that the session has had: one for each daemon
  std::uint32_t zero;

  std::atomic<std::uint64_t> memory_granted_bytes;  // no more may be held
  std::atomic<std::uint64_t> memory_answered;       // the wish for memory that was answered last
};
static_assert(sizeof(TermsPage) == 128 && sizeof(TermsPage) <= terms_page_bytes);
static_assert(offsetof(TermsPage, changed) == 64 && offsetof(TermsPage, memory_granted_bytes) == 80);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace sluice
