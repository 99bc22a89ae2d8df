// Memory grants: how much device memory one session may hold, between its worker and the daemon.
//
// The daemon grants bytes (TermsPage), the worker counts what it holds (ReportPage). Within its grant it asks nobody:
// it adds to what it holds, and then looks at the grant once more; the daemon lowers a grant, and then looks at what is
// held. Both are sequentially consistent, so that one sees the other: either the worker finds the lower grant and takes
// its addition back, or the daemon finds the addition and counts it. Beyond the grant the worker writes a wish and
// kicks the daemon, which answers within microseconds: it takes from the tenant's other sessions what they do not use.
//
// A worker's word can harm its own tenant alone: no report makes the daemon grant more than the limit in all.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/status.h"
#include "daemon/sessions/report_page.h"
#include "daemon/sessions/terms_page.h"

namespace sluice {

// The worker's side.
class MemoryHolder {
 public:
  // How long a wish waits: the next daemon may be about to take the session over.
  static constexpr Nanoseconds patience_default_ns = 5 * ns_per_s;

  // REQUIRES: all three outlive this object; `kick_fd` is the session's eventfd. Nothing in `terms` is written.
  MemoryHolder(TermsPage& terms, ReportPage& report, int kick_fd, Nanoseconds patience_ns = patience_default_ns)
      : terms_(terms), report_(report), kick_fd_(kick_fd), patience_ns_(patience_ns) {}

  // quota_exceeded: the tenant's limit. unavailable: no daemon answered in time; until one does, further calls wait for
  // milliseconds only. By one thread at a time.
  Status reserve(std::uint64_t bytes);
  // REQUIRES: that much was reserved. On any thread.
  void release(std::uint64_t bytes);
  std::uint64_t held() const { return report_.meter.memory_bytes.load(std::memory_order_relaxed); }

 private:
  bool take(std::uint64_t bytes);
  Status ask(std::uint64_t bytes);
  bool answered(std::uint64_t wish) const;

  TermsPage& terms_;
  ReportPage& report_;
  int kick_fd_;
  Nanoseconds patience_ns_;
  bool unanswered_ = false;
};

// A wish that was not withdrawn. `number` is new for each.
struct MemoryWish {
  std::uint64_t number = 0;
  std::uint64_t wanted_bytes = 0;  // to hold in all
};

// The daemon's side: the words of one session. An interface, so that the rules that use it can be tested against every
// interleaving. By one thread at a time.
class MemoryGrantor {
 public:
  virtual ~MemoryGrantor() = default;
  // held() after set_granted() sees what was added under a higher grant.
  virtual void set_granted(std::uint64_t bytes) = 0;
  virtual std::uint64_t held() const = 0;  // the worker's word
  virtual std::optional<MemoryWish> wish() const = 0;
  virtual void answer(const MemoryWish& wish) = 0;
  // False: the worker still looks at the page of the daemon before.
  virtual bool current() const = 0;
};

class PageMemoryGrantor final : public MemoryGrantor {
 public:
  // REQUIRES: both outlive this object.
  PageMemoryGrantor(TermsPage& terms, const ReportPage& report) : terms_(terms), report_(report) {}
  void set_granted(std::uint64_t bytes) override;
  std::uint64_t held() const override;
  std::optional<MemoryWish> wish() const override;
  void answer(const MemoryWish& wish) override;
  bool current() const override;

 private:
  TermsPage& terms_;
  const ReportPage& report_;
};

}  // namespace sluice
