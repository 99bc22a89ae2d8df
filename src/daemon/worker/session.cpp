#include "daemon/worker/session.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>

#include "base/log.h"

namespace sluice::worker {
namespace {

constexpr std::uint64_t host_bytes_step_max = 1ull << 42;  // between two looks: 4 TiB are beyond any machine's memcpy

Result<wire::SharedMemory> map(std::vector<UniqueFd>& fds, AttachFd which, std::size_t bytes, std::uintptr_t wish = 0) {
  return wire::SharedMemory::map(std::move(fds[which]), bytes, wish);
}

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

Result<std::unique_ptr<Session>> Session::open(backend::Device& device, const SessionRecord& record,
                                               const Limits& limits, std::vector<UniqueFd>& fds) {
  if (fds.size() < attach_fds_min || fds.size() > attach_fds_max)
    return Status(Code::protocol_fault, "the attach message lacks descriptors");
  if (record.control_bytes != wire::control_bytes)
    return Status(Code::protocol_fault, "the attach message makes no sense");
  auto control = map(fds, attach_fd_control, wire::control_bytes);
  auto arena = map(fds, attach_fd_arena, record.arena_bytes, record.arena_address);
  auto report = map(fds, attach_fd_report, report_page_bytes);
  auto terms = wire::SharedMemory::map_to_read(std::move(fds[attach_fd_terms]), terms_page_bytes);
  for (const auto* memory : {&control, &arena, &report, &terms})
    if (!memory->ok()) return memory->status();
  Memory memory{control.take(), arena.take(), report.take(), terms.take()};
  return std::unique_ptr<Session>(
      new Session(device, record, limits, std::move(memory), std::move(fds[attach_fd_kick])));
}

Session::Session(backend::Device& device, const SessionRecord& record, const Limits& limits, Memory memory,
                 UniqueFd kick)
    : device_(device),
      memory_(std::move(memory)),
      kick_(std::move(kick)),
      terms_(*reinterpret_cast<TermsPage*>(memory_.terms.data())),
      report_(*reinterpret_cast<ReportPage*>(memory_.report.data())),
      meter_(report_.meter),
      granted_(terms_, report_, kick_.get()),
      lease_(terms_, report_, kick_.get()),
      reader_(memory_.control.bytes()),
      host_copies_(reader_.control(), meter_),
      account_(granted_, meter_),
      gate_(lease_, meter_, [this] { reader_.wake(); }),
      builds_(limits.builds),
      completions_(reader_.control(), meter_, gate_, limits.host.data),
      builder_(device, limits.host.programs, &builds_, &gate_),
      commands_(std::make_unique<CommandPath>(device, wire::ArenaView(memory_.arena.bytes()), account_, completions_,
                                              builder_, gate_, limits.host)) {
  completions_.watch_builds(builds_);
  device_.set_sink(completions_);
  const bool at_home = reinterpret_cast<std::uintptr_t>(memory_.arena.data()) == record.arena_address;
  reader_.control().arena_at_home.store(at_home ? 1 : 0, std::memory_order_release);
}

std::array<int, adopt_fds> Session::fds_for_adoption() const {
  std::array<int, adopt_fds> fds{};
  fds[adopt_fd_control] = memory_.control.fd();
  fds[adopt_fd_arena] = memory_.arena.fd();
  fds[adopt_fd_report] = memory_.report.fd();
  fds[adopt_fd_terms] = memory_.terms.fd();
  return fds;
}

// The eventfd first: what is written in the report from here on must kick the new daemon.
Status Session::follow_daemon(std::vector<UniqueFd> fds) {
  if (fds.size() != adopted_fds) return Status(Code::protocol_fault, "the adopted message lacks descriptors");
  if (dup3(fds[adopted_fd_kick].get(), kick_.get(), O_CLOEXEC) < 0) return errno_status("take the new eventfd", errno);
  SLUICE_TRY(memory_.terms.replace(std::move(fds[adopted_fd_terms])));
  gate_.set_daemon(true);
  report_.epoch.store(terms_.epoch.load(std::memory_order_relaxed), std::memory_order_release);
  const std::uint64_t one = 1;
  (void)!::write(kick_.get(), &one, sizeof one);
  return Status();
}

Status Session::serve() {
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

Status Session::serve_until_stopped() {
  while (!stopping_.load(std::memory_order_acquire)) SLUICE_TRY(serve_one());
  host_copies_.carry_over();
  return Status();
}

// One command, or one rest. What to sleep on is read before the gate is tried, so that no grant is missed.
Status Session::serve_one() {
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
bool Session::give_back() {
  commands_->scheduler().drop_held();
  if (completions_.in_flight() != 0) return false;
  commands_.reset();
  memory_.arena.discard(0, memory_.arena.size());
  return true;
}

bool Session::stop(Nanoseconds deadline_ns) {
  stopping_.store(true, std::memory_order_release);
  std::unique_lock lock(stopped_mutex_);
  // A wake-up that comes just before the reader falls asleep is lost: repeated until it was heard.
  while (!stopped_ && now_ns() < deadline_ns) {
    reader_.wake();
    stopped_changed_.wait_for(lock, std::chrono::milliseconds(1));
  }
  return given_back_;
}

}  // namespace sluice::worker
