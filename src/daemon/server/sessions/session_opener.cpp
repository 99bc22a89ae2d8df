#include "daemon/server/sessions/session_opener.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "daemon/server/runtime/process_identity.h"
#include "wire/arena.h"
#include "wire/ring.h"

namespace sluice::server {
namespace {

std::string wanted_name(const Caller& caller) {
  return caller.request.tenant[0] != '\0' ? caller.request.tenant : "(none named)";
}

struct OutputPipe {
  UniqueFd program_end, worker_end;
};

// The program's thread reads without blocking; a kernel that prints waits for it.
Result<OutputPipe> make_output_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno_status("make a pipe", errno);
  OutputPipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return errno_status("set up a pipe", errno);
  return pipe;
}

}  // namespace

// ---- callers ----

void SessionOpener::caller_asks(Caller& caller) {
  caller.deadline = loop_.at(now_ns() + attach_ns_max, [this, &caller] { out_of_time(caller); });
  const auto use = admit(caller);
  if (!use.ok()) return refuse(caller, use.status());
  const std::uint32_t device = device_of(use.value());
  waiting_[device].push_back({&caller, use.value()});
  serve_waiting(device);
}

Result<SliceUse> SessionOpener::admit(Caller& caller) {
  const std::uint32_t uid = caller.peer.credentials.uid;
  const auto too_often = [](const std::string& who) {
    return Status(Code::exhausted, who + " asks for sessions too often (limits.attach_per_s); try again in a moment");
  };
  if (!of_users_.take(uid, now_ns())) return too_often("uid " + std::to_string(uid));
  auto use = identification_.admit(caller);
  if (!use.ok() || of_tenants_.take(use.value().tenant->key.id, now_ns())) return use;
  const std::string name = use.value().tenant->key.name;
  slices_.release(use.value());
  return too_often("tenant " + name);
}

void SessionOpener::caller_left(Caller& caller) {
  for (auto& [number, attaching] : attaching_)
    if (attaching.caller == &caller) {
      attaching.caller = nullptr;
      for (const LiveBinding& binding : attaching.session->bindings)
        pool_.end(*binding.worker, "the program left before it had its session");
      return;
    }
  for (auto& [device, queue] : waiting_) {
    const auto found = std::find_if(queue.begin(), queue.end(), [&](const Waiting& w) { return w.caller == &caller; });
    if (found == queue.end()) continue;
    slices_.release(found->use);
    queue.erase(found);
    return tell_waiting(device);
  }
}

void SessionOpener::refuse_waiting(const Tenant& tenant, const Status& why) {
  std::vector<Caller*> callers;
  for (const auto& [device, queue] : waiting_)
    for (const Waiting& waiting : queue)
      if (waiting.use.tenant == &tenant) callers.push_back(waiting.caller);
  for (Caller* caller : callers) {
    caller_left(*caller);
    refuse(*caller, why);
  }
}

void SessionOpener::out_of_time(Caller& caller) {
  std::string why = "no worker was ready in time";
  for (const auto& [device, queue] : waiting_)
    for (const Waiting& waiting : queue)
      if (const auto view = pool_.view(device); waiting.caller == &caller && !view.failure.empty())
        why = "device " + std::to_string(device) + " cannot be used now: " + view.failure;
  caller_left(caller);
  refuse(caller, Status(Code::deadline_exceeded, why));
}

void SessionOpener::refuse(Caller& caller, const Status& why) {
  const auto& who = caller.peer.credentials;
  refusals_.write("refused tenant " + wanted_name(caller) + " (uid " + std::to_string(who.uid) + "), " +
                      caller.request.program + " (pid " + std::to_string(who.pid) + "): " + why.message(),
                  now_ns());
  tenant_listener_.refuse(caller, why);
}

// ---- giving a session to a worker ----

void SessionOpener::serve_waiting(std::uint32_t device) {
  std::deque<Waiting>& queue = waiting_[device];
  for (auto next = next_of(queue, device); next != queue.end(); next = next_of(queue, device)) {
    Worker* worker = pool_.take(device);
    if (worker == nullptr) break;
    const Waiting waiting = *next;
    const Status given = give(waiting, *worker);
    if (!given.ok()) pool_.end(*worker, given.message());
    if (given.code() == Code::unavailable) continue;  // that worker had died; there may be another
    queue.erase(next);
    if (given.ok()) continue;
    slices_.release(waiting.use);
    refuse(*waiting.caller, given);
  }
  tell_waiting(device);
}

std::deque<SessionOpener::Waiting>::iterator SessionOpener::next_of(std::deque<Waiting>& queue, std::uint32_t device) {
  if (queue.empty()) return queue.end();
  std::vector<std::uint64_t> tenants;
  for (const Waiting& waiting : queue) tenants.push_back(waiting.use.tenant->key.id);
  const auto next = turns_.next(
      tenants, pool_.view(device).ready, [this](std::uint64_t tenant) { return busy(tenant); }, now_ns());
  return next ? queue.begin() + static_cast<std::ptrdiff_t>(*next) : queue.end();
}

std::size_t SessionOpener::busy(std::uint64_t tenant) const {
  const auto coming = std::count_if(attaching_.begin(), attaching_.end(), [tenant](const auto& entry) {
    return entry.second.session->record.tenant_id == tenant;
  });
  const auto going =
      std::count_if(leaving_.begin(), leaving_.end(), [tenant](const auto& entry) { return entry.second == tenant; });
  return static_cast<std::size_t>(coming + going);
}

void SessionOpener::tell_waiting(std::uint32_t device) {
  pool_.set_waiting(device, static_cast<std::uint32_t>(waiting_[device].size()));
}

SessionRecord SessionOpener::record_for(const Waiting& waiting, const Worker& worker) {
  const Caller& caller = *waiting.caller;
  const Tenant& tenant = *waiting.use.tenant;
  SessionRecord record;
  record.session_id = sessions_.next_id();
  record.tenant_id = tenant.key.id;
  record.limits = {tenant.slice.memory_bytes, tenant.slice.gpu.value};
  record.control_bytes = wire::control_bytes;
  record.arena_bytes = wire::arena_bytes_for(tenant.slice.memory_bytes);
  record.arena_address = wire::arena_home(record.session_id);
  record.started_unix_ns = unix_now_ns();
  record.api = caller.request.api;
  record.bindings = {{waiting.use.device, worker.number}};
  record.client_pid = static_cast<std::uint32_t>(caller.peer.credentials.pid);
  record.client_uid = caller.peer.credentials.uid;
  record.client_gid = caller.peer.credentials.gid;
  record.client_start_ticks = start_ticks_of(caller.peer.credentials.pid);
  wire::set_text(record.tenant, tenant.key.name);
  wire::set_text(record.program, caller.request.program);
  return record;
}

Status SessionOpener::give(const Waiting& waiting, Worker& worker) {
  const SessionRecord record = record_for(waiting, worker);
  worker.uid = record.client_uid;
  const auto cpu = cpu_fence(devices_.find(worker.device)->traits, waiting.use.tenant->terms.cap);
  SLUICE_TRY(pool_.limit(worker, record.arena_bytes, cpu));
  SessionMemory memory = SLUICE_TRY(SessionMemory::make(record, without_));
  auto ends = SLUICE_TRY(wire::MessageSocket::pair());
  OutputPipe output = SLUICE_TRY(make_output_pipe());
  Attaching attaching{waiting.caller, nullptr, std::move(ends.first), std::move(output.program_end)};
  WorkerEnds worker_ends{std::move(ends.second), std::move(output.worker_end)};
  SLUICE_TRY(send_session(record, worker, memory, worker_ends));
  Worker* const workers[] = {&worker};
  attaching.session = SLUICE_TRY(
      sessions_.begin(record, waiting.use, workers, std::move(memory), std::move(waiting.caller->peer.pidfd)));
  attaching_.insert_or_assign(worker.number, std::move(attaching));
  return Status();
}

Status SessionOpener::send_session(const SessionRecord& record, Worker& worker, const SessionMemory& memory,
                                   const WorkerEnds& worker_ends) {
  WorkerMessage message;
  message.kind = WorkerMessageKind::attach;
  message.record = record;
  const PoolDevice& device = *devices_.find(worker.device);
  const UniqueFd cache = cache_.mount(record.tenant_id, device.traits.uuid, pool_.user_of(worker));
  std::array<int, attach_fds_max> fds{};
  const BindingMemory& binding = memory.bindings.front();
  fds[attach_fd_control] = memory.control.fd();
  fds[attach_fd_arena] = memory.arena.fd();
  fds[attach_fd_report] = binding.report.fd();
  fds[attach_fd_terms] = binding.terms.fd();
  fds[attach_fd_kick] = binding.kick.get();
  fds[attach_fd_session] = worker_ends.session.fd();
  fds[attach_fd_output] = worker_ends.output.get();
  std::size_t count = attach_fds_min;
  if (cache.valid()) fds[count++] = cache.get();
  SLUICE_TRY(folder_.record_session(worker.number, {record, memory.note(), {identity_of(device)}}));
  return worker.link.send(encode_worker_message(message), std::span(fds).first(count), 0);
}

// ---- workers ----

void SessionOpener::worker_ready(std::uint32_t device) { serve_waiting(device); }

void SessionOpener::worker_attached(Worker& worker) {
  const auto found = attaching_.find(worker.number);
  if (found == attaching_.end() || found->second.caller == nullptr) return;
  Attaching attaching = std::move(found->second);
  attaching_.erase(found);
  const SessionRecord& record = attaching.session->record;
  const auto& [memory_bytes, gpu_milli] = record.limits;
  wire::AttachReply reply;
  reply.granted = 1;
  reply.gpu_milli = gpu_milli;
  reply.session_id = record.session_id;
  reply.memory_bytes = memory_bytes;
  reply.control_bytes = record.control_bytes;
  reply.arena_bytes = record.arena_bytes;
  reply.arena_address = record.arena_address;
  wire::set_text(reply.tenant, record.tenant);
  const auto traits = slice_traits(devices_.find(worker.device)->traits, MilliGpu{gpu_milli}, memory_bytes);
  const SessionMemory& memory = attaching.session->memory;
  std::array<int, wire::reply_fds> fds{};
  fds[wire::reply_fd_control] = memory.control.fd();
  fds[wire::reply_fd_arena] = memory.arena.fd();
  fds[wire::reply_fd_session] = attaching.program_end.fd();
  fds[wire::reply_fd_output] = attaching.output.get();
  if (Status sent = tenant_listener_.answer(*attaching.caller, reply, traits, fds); !sent.ok())
    return pool_.end(worker, "the program left before it had its session");
  sessions_.go_live(*attaching.session);
  serve_waiting(worker.device);
}

void SessionOpener::worker_released(Worker& worker, const std::string& reason) {
  if (const LiveSession* session = sessions_.of(worker); session != nullptr)
    leaving_[worker.number] = session->record.tenant_id;
  end_session(worker, reason);
}

void SessionOpener::worker_gone(Worker& worker, const std::string& reason) {
  leaving_.erase(worker.number);
  end_session(worker, reason);
  serve_waiting(worker.device);
}

void SessionOpener::end_session(Worker& worker, const std::string& reason) {
  if (const auto found = attaching_.find(worker.number); found != attaching_.end()) {
    Caller* caller = found->second.caller;
    attaching_.erase(found);
    if (caller != nullptr) refuse(*caller, Status(Code::unavailable, "the session could not be started: " + reason));
  }
  sessions_.end(worker, reason);
}

}  // namespace sluice::server
