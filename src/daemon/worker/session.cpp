#include "daemon/worker/session.h"

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
                                               std::vector<UniqueFd>& fds) {
  const std::size_t fds_wanted = record.has_output != 0 ? attach_fd_stderr + 1 : attach_fd_client + 1;
  if (fds.size() != fds_wanted) return Status(Code::protocol_fault, "the attach message lacks descriptors");
  if (record.control_bytes != wire::control_bytes || record.tenant_slot >= tenant_sessions_max)
    return Status(Code::protocol_fault, "the attach message makes no sense");
  auto control = map(fds, attach_fd_control, wire::control_bytes);
  auto arena = map(fds, attach_fd_arena, record.arena_bytes, record.arena_address);
  auto meter = map(fds, attach_fd_meter, metering::meter_bytes);
  auto tenant = map(fds, attach_fd_tenant, tenant_page_bytes);
  for (const auto* memory : {&control, &arena, &meter, &tenant})
    if (!memory->ok()) return memory->status();
  return std::unique_ptr<Session>(
      new Session(device, record, control.take(), arena.take(), meter.take(), tenant.take()));
}

Session::Session(backend::Device& device, const SessionRecord& record, wire::SharedMemory control,
                 wire::SharedMemory arena, wire::SharedMemory meter, wire::SharedMemory tenant)
    : device_(device),
      control_memory_(std::move(control)),
      arena_memory_(std::move(arena)),
      meter_memory_(std::move(meter)),
      tenant_memory_(std::move(tenant)),
      meter_(*reinterpret_cast<metering::MeterPage*>(meter_memory_.data())),
      tenant_(tenant_memory_.bytes(), record.tenant_slot),
      reader_(control_memory_.bytes()),
      host_copies_(reader_.control(), meter_),
      books_(tenant_, meter_),
      completions_(reader_.control(), meter_),
      builder_(device),
      dispatcher_(std::make_unique<Dispatcher>(device, wire::ArenaView(arena_memory_.bytes()), books_, completions_,
                                               builder_)) {
  device_.set_sink(completions_);
  const bool at_home = reinterpret_cast<std::uintptr_t>(arena_memory_.data()) == record.arena_address;
  reader_.control().arena_at_home.store(at_home ? 1 : 0, std::memory_order_release);
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
  while (!stopping_.load(std::memory_order_acquire)) {
    auto command = reader_.next();
    if (!command.ok()) return command.status();
    if (command.value().empty()) {
      dispatcher_->flush();
      host_copies_.carry_over();
      reader_.wait();
    } else if (Status status = dispatcher_->handle(command.value()); !status.ok()) {
      return status;
    }
  }
  host_copies_.carry_over();
  return Status();
}

// Only if the device is at rest: a kernel that still runs may run for ever, and dies with the process.
bool Session::give_back() {
  if (completions_.in_flight() != 0) return false;
  dispatcher_.reset();
  arena_memory_.discard(0, arena_memory_.size());
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
