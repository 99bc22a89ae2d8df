// A device and its workers, in virtual time: what an Arbiter decides is carried out, and what happened is written down.
//
// One command runs at a time, as on a device that belongs to whoever holds the lease. A worker submits its next command
// when the one before has ended, keeps to the lease's terms, and gives it back as the real one does; unless it lies.
// Its kernels use all units of the device, which is a processor, or part of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/arbiter/arbiter.h"

namespace sluice::test {

using arbiter::SessionId;
using arbiter::TenantId;

struct Command {
  Nanoseconds length_ns = 0;
  bool divisible = false;
  Nanoseconds think_ns = 0;  // the program's time between its end and the next one's submission
};

// What a worker does that its tenant's kernels have taken over.
struct Lies {
  unsigned reports_percent = 100;  // of the time that its commands took
  unsigned units_percent = 100;    // of the device that its kernels use, while nobody else can use the rest
  bool obeys = true;               // gives the lease back when it is asked to, or should by its terms
};

// What a program does: its next command, or nothing more.
using Behaviour = std::function<std::optional<Command>()>;

struct Run {
  TenantId tenant = 0;
  SessionId session = 0;
  Nanoseconds started_ns = 0, ended_ns = 0;
};

// A stretch in which a session had a command to submit and no lease.
struct Wait {
  TenantId tenant = 0;
  SessionId session = 0;
  Nanoseconds began_ns = 0, ended_ns = 0;
};

class DeviceModel {
 public:
  explicit DeviceModel(const arbiter::Settings& settings = {}, Nanoseconds hand_over_ns = 0)
      : arbiter_(settings), hand_over_ns_(hand_over_ns) {}

  arbiter::Arbiter& arbiter() { return arbiter_; }
  Nanoseconds now() const { return now_; }

  void tenant(TenantId id, const arbiter::ComputeTerms& terms) { arbiter_.set_tenant(id, terms, now_); }
  // Submits its first command at `starts_ns`.
  void session(SessionId id, TenantId tenant, Behaviour behaviour, Nanoseconds starts_ns = 0, Lies lies = {});
  void at(Nanoseconds when_ns, std::function<void()> what) { due_.emplace(when_ns, std::move(what)); }

  void run_until(Nanoseconds end_ns);

  const std::vector<Run>& runs() const { return runs_; }
  const std::vector<Wait>& waits() const { return waits_; }
  std::size_t grants() const { return grants_; }
  std::uint64_t decisions() const { return decisions_; }
  Nanoseconds used_ns(TenantId tenant) const;
  // In all, of a session.
  Nanoseconds charged_ns(SessionId session) const { return arbiter_.why(session, now_).charged_ns; }
  // Within a window.
  Nanoseconds used_ns(TenantId tenant, Nanoseconds from_ns, Nanoseconds to_ns) const;
  // The most that a tenant used within any window of this length.
  Nanoseconds most_used_ns(TenantId tenant, Nanoseconds window_ns) const;
  // Time in which the device did nothing although a command was there that its tenant's cap did not hold back, but for
  // what it takes to hand the device over, and for how long a holder may linger.
  Nanoseconds wasted_ns() const { return wasted_ns_; }

 private:
  struct Program {
    SessionId id = 0;
    TenantId tenant = 0;
    Behaviour behaviour;
    Lies lies;
    std::optional<Command> next;  // what is left of the command to be submitted
    bool busy = false;            // one of its commands runs
    Nanoseconds asked_ns = 0;
  };
  struct Held {
    Program* program = nullptr;
    LeaseTerms lease;
    Nanoseconds ran_ns = 0;         // its commands that have ended
    Nanoseconds runs_since_ns = 0;  // 0: none runs
    Nanoseconds idle_since_ns = 0;
    bool asked_back = false;
    std::uint64_t number = 0;
  };
  void arrive(Program& program);
  void carry_out();
  void give_back(bool wants_more);
  void submit();
  void end_command(std::uint64_t number, Nanoseconds started_ns, Command rest);
  void go_idle();
  void observe();
  void plan(Nanoseconds when_ns);
  bool wasting() const;

  arbiter::Arbiter arbiter_;
  Nanoseconds hand_over_ns_;
  Nanoseconds now_ = 0;
  std::multimap<Nanoseconds, std::function<void()>> due_;
  std::map<SessionId, std::unique_ptr<Program>> programs_;
  std::optional<Held> held_;
  Nanoseconds planned_ns_ = 0;
  std::uint64_t leases_ = 0;
  std::size_t grants_ = 0;
  std::uint64_t decisions_ = 0;
  std::vector<Run> runs_;
  std::vector<Wait> waits_;
  Nanoseconds wasted_ns_ = 0;
};

}  // namespace sluice::test
