// A lease scheduler with sessions whose workers the test plays.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "daemon/server/devices/lease_scheduler.h"

namespace sluice::test {

using arbiter::ComputeTerms;
using arbiter::Why;
using server::LeaseScheduler;

inline constexpr Nanoseconds patience_ns = 30 * ns_per_s;

// What the kernel counts of a worker, in the test's hand.
struct FakeClock final : metering::CpuClock {
  std::optional<Nanoseconds> cpu_ns() const override { return lost ? std::nullopt : std::optional(used_ns.load()); }
  std::atomic<Nanoseconds> used_ns{0};
  std::atomic<bool> lost{false};
};

// One session's page and meter, and a hand to play its worker.
struct PlayedBinding {
  TermsPage terms{};
  ReportPage report{};
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  metering::MeterPage& meter = report.meter;
  LeaseHolder holder{terms, report, kick.get()};
  std::shared_ptr<FakeClock> clock = std::make_shared<FakeClock>();
  BindingId id;

  // As a session of an earlier daemon, whose worker has been sent this one's page.
  LeaseScheduler::Opening adoption(const std::string& tenant) {
    LeaseScheduler::Opening adopted = opening(tenant);
    const TermsPage before{};
    adopted.lease = LeaseGrantor::take_over(terms, report, before);
    return adopted;
  }

  PlayedBinding() = default;
  explicit PlayedBinding(std::uint64_t session_id) : id{session_id, 0} {}

  LeaseScheduler::Opening opening(const std::string& tenant, const ComputeTerms& promised = {}) {
    LeaseScheduler::Opening opening;
    opening.binding = id;
    opening.tenant = opening.name = tenant;
    opening.terms = promised;
    opening.lease = LeaseGrantor(terms, report);
    opening.kick_fd = kick.get();
    opening.meter = &meter;
    return opening;
  }
  // On a device of two units whose kernels run in the worker.
  LeaseScheduler::Opening proved(const std::string& tenant, const ComputeTerms& its_terms = {}) {
    LeaseScheduler::Opening proved = opening(tenant, its_terms);
    proved.evidence = {metering::Proof::processor_time, clock, 2};
    return proved;
  }
};

// False: not for as long as anybody would wait.
template <typename Condition>
bool comes_true(Condition condition) {
  const Nanoseconds deadline_ns = now_ns() + patience_ns;
  while (!condition() && now_ns() < deadline_ns) std::this_thread::sleep_for(std::chrono::microseconds(200));
  return condition();
}

inline void pass(Nanoseconds time_ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(time_ns)); }

struct Scheduler : LeaseScheduler {
  explicit Scheduler(Settings settings = {}) : LeaseScheduler(settings) { REQUIRE(start().ok()); }
  Why::State state(const PlayedBinding& session) const { return why(session.id)->state; }
};

inline void take_lease(PlayedBinding& session) {
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
}

inline void begin_command(PlayedBinding& session) {
  take_lease(session);
  REQUIRE(session.holder.begin());
}

// As sessions of two tenants, on one device.
inline void open_both(Scheduler& scheduler, PlayedBinding& alices, PlayedBinding& bobs) {
  REQUIRE(scheduler.open(alices.opening("alice")).ok());
  REQUIRE(scheduler.open(bobs.opening("bob")).ok());
}

// A worker that always has more to do, in commands of half a millisecond, on a device that does nothing.
class Busy {
 public:
  explicit Busy(PlayedBinding& session) : session_(session), thread_([this] { run(); }) {}
  ~Busy() { stop(); }
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int leases() const { return leases_; }
  std::uint64_t commands() const { return commands_; }

 private:
  static constexpr Nanoseconds command_ns = ns_per_ms / 2;
  void run() {
    while (!over_) {
      if (!session_.holder.held()) {
        session_.holder.want();
        pass(50 * ns_per_us);
        if (session_.holder.held()) ++leases_;
        continue;
      }
      const LeaseTerms terms = session_.holder.terms();
      const std::uint64_t before = session_.meter.device_ns;
      while (!over_ && session_.holder.begin()) {
        const Nanoseconds start = now_ns();
        pass(command_ns);
        session_.meter.device_ns += now_ns() - start;
        ++commands_;
        (void)session_.holder.end(true);
        if (session_.meter.device_ns - before >= terms.budget_ns) (void)session_.holder.give_back(true);
      }
    }
    (void)session_.holder.give_back(false);
  }

  PlayedBinding& session_;
  std::atomic<bool> over_{false};
  std::atomic<int> leases_{0};
  std::atomic<std::uint64_t> commands_{0};
  std::thread thread_;
};

}  // namespace sluice::test
