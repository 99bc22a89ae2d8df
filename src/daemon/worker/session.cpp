#include "daemon/worker/session.h"

#include <unistd.h>

#include <chrono>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "base/contract.h"

namespace sluice::worker {
namespace {

constexpr auto rest_look = std::chrono::microseconds(50);
constexpr std::uint64_t host_bytes_step_max = 1ull << 42;  // between two looks: 4 TiB are beyond any machine's memcpy

void carry(std::atomic<std::uint64_t>& total, std::uint64_t& seen, std::uint64_t now) {
  const std::uint64_t step = now - seen;
  if (now > seen && step <= host_bytes_step_max) total.fetch_add(step, std::memory_order_relaxed);
  seen = now;
}

}  // namespace

void HostCopies::carry_over() {
  carry(meter_.host_bytes_in, in_seen_, control_.host_bytes_in.load(std::memory_order_relaxed));
  carry(meter_.host_bytes_out, out_seen_, control_.host_bytes_out.load(std::memory_order_relaxed));
}

AttachedSession::AttachedSession(backend::Device& device, const SessionRecord& record, const Limits& limits,
                                 Connection connection, const DaemonPages& pages, Arrival arrival)
    : device_(device),
      connection_(std::move(connection)),
      pages_(pages),
      meter_(pages_.report.meter),
      granted_(pages_.terms, pages_.report, pages_.kick_fd),
      lease_(pages_.terms, pages_.report, pages_.kick_fd),
      reader_(connection_.control.bytes(), connection_.doorbell),
      host_copies_(reader_.control(), meter_),
      account_(granted_, meter_),
      gate_(lease_, meter_, [this] { reader_.wake(); }),
      builds_(limits.builds),
      completions_(reader_.control(), connection_.doorbell, meter_, gate_, limits.host.data),
      builder_(device, limits.host.programs, &builds_, &gate_),
      commands_(std::make_unique<CommandPath>(device, wire::ArenaView(connection_.arena.bytes()), account_,
                                              completions_, builder_, gate_, limits.host)) {
  SLUICE_REQUIRE(connection_.control.size() == record.control_bytes && connection_.arena.size() == record.arena_bytes);
  completions_.watch_builds(builds_);
  device_.set_sink(completions_);
  arena_at_home_ = reinterpret_cast<std::uintptr_t>(connection_.arena.data()) == record.arena_address;
  if (arrival == Arrival::begins)
    reader_.control().arena_at_home.store(arena_at_home_ ? 1 : 0, std::memory_order_release);
}

void AttachedSession::follow_daemon() {
  gate_.set_daemon(true);
  pages_.report.epoch.store(pages_.terms.epoch.load(std::memory_order_relaxed), std::memory_order_release);
  const std::uint64_t one = 1;
  (void)!::write(pages_.kick_fd, &one, sizeof one);
}

Status AttachedSession::serve() {
  Status status;
  bool given_back = false;
  try {
    status = serve_until_stopped();
    given_back = status.ok() && give_back();
  } catch (const std::exception& e) {
    status = Status(Code::internal, std::string("the worker failed: ") + e.what());
  }
  const std::lock_guard lock(stopped_mutex_);
  stopped_ = true;
  given_back_ = given_back;
  stopped_changed_.notify_all();
  return status;
}

Status AttachedSession::serve_until_stopped() {
  while (!stopping_.load(std::memory_order_acquire)) {
    if (has_visitor_.load(std::memory_order_relaxed)) [[unlikely]]
      receive_visitor();
    SLUICE_TRY(serve_one());
  }
  host_copies_.carry_over();
  return Status();
}

// One command, or one rest. What to sleep on is read before the gate is tried, so that no grant is missed.
Status AttachedSession::serve_one() {
  const std::uint32_t lease_seen = gate_.changed().load(std::memory_order_acquire);
  SLUICE_TRY(commands_->scheduler().pump());
  if (!commands_->scheduler().full()) {
    const std::span<const std::byte> command = SLUICE_TRY(reader_.next());
    if (!command.empty()) return commands_->handle(command);
  }
  commands_->flush();
  host_copies_.carry_over();
  reader_.wait({.also = &gate_.changed(),
                .also_seen = lease_seen,
                .deadline_ns = gate_.rest(now_ns()),
                .full = commands_->scheduler().full(),
                .spins = !gate_.keeps_busy(),
                .urgent_only = commands_->scheduler().holds_back()});
  return Status();
}

// Only if the device is at rest: a kernel that still runs may run for ever, and dies with the process.
bool AttachedSession::give_back() {
  commands_->scheduler().drop_held();
  if (completions_.in_flight() != 0) return false;
  commands_.reset();
  connection_.arena.discard(0, connection_.arena.size());
  return true;
}

bool AttachedSession::stop(Nanoseconds deadline_ns) {
  stopping_.store(true, std::memory_order_release);
  std::unique_lock lock(stopped_mutex_);
  // A wake-up that comes just before the reader falls asleep is lost: repeated until it was heard.
  while (!stopped_ && now_ns() < deadline_ns) {
    reader_.wake();
    stopped_changed_.wait_for(lock, std::chrono::milliseconds(1));
  }
  return given_back_;
}

// ---- moving ----

bool AttachedSession::visit(const std::function<void()>& what, Nanoseconds deadline_ns) {
  Visit mine{&what};
  std::unique_lock lock(visit_mutex_);
  visit_ = &mine;
  has_visitor_.store(true, std::memory_order_release);
  // As in stop(): a wake-up may be lost.
  while (!mine.begun && !stopping_.load(std::memory_order_acquire) && now_ns() < deadline_ns) {
    reader_.wake();
    visit_changed_.wait_for(lock, std::chrono::milliseconds(1));
  }
  if (!mine.begun) {
    visit_ = nullptr;
    has_visitor_.store(false, std::memory_order_release);
    return false;
  }
  visit_changed_.wait(lock, [&] { return mine.done; });
  return true;
}

void AttachedSession::receive_visitor() {
  std::unique_lock lock(visit_mutex_);
  Visit* visit = std::exchange(visit_, nullptr);
  has_visitor_.store(false, std::memory_order_release);
  if (visit == nullptr) return;
  visit->begun = true;
  lock.unlock();
  (*visit->what)();
  lock.lock();
  visit->done = true;
  visit_changed_.notify_all();
}

Status AttachedSession::rest(Nanoseconds deadline_ns) {
  const Scheduler& scheduler = commands_->scheduler();
  commands_->flush();
  while (!scheduler.held_are_quiet() || !completions_.at_rest(scheduler.held_started())) {
    if (now_ns() >= deadline_ns) return Status(Code::deadline_exceeded, "a command of it still runs");
    std::this_thread::sleep_for(rest_look);
  }
  return Status();
}

Checkpoint AttachedSession::write_all(Nanoseconds rested_ns) {
  SLUICE_REQUIRE(builder_.idle());
  Checkpoint checkpoint;
  checkpoint.rested_ns = rested_ns;
  checkpoint.objects = write_objects();
  write_progress(commands_->objects(), commands_->scheduler(), checkpoint);
  host_copies_.carry_over();
  checkpoint.durations = gate_.durations().save();
  checkpoint.ring_position = reader_.position();
  checkpoint.host_in_seen = host_copies_.seen().in;
  checkpoint.host_out_seen = host_copies_.seen().out;
  checkpoint.arena_at_home = arena_at_home_;
  return checkpoint;
}

Status AttachedSession::resume(const Checkpoint& checkpoint) {
  if (checkpoint.arena_at_home && !arena_at_home_)
    return Status(Code::unsupported, "something else lies where its arena lay");
  if (!gate_.durations().restore(checkpoint.durations))
    return Status(Code::protocol_fault, "the checkpoint has other estimates than this worker keeps");
  reader_.resume_at(checkpoint.ring_position);
  host_copies_.go_on_from({checkpoint.host_in_seen, checkpoint.host_out_seen});
  return Status();
}

}  // namespace sluice::worker
