#include "daemon/server/workers/worker_pool.h"

#include <sys/epoll.h>

#include <algorithm>

#include "base/log.h"
#include "base/units.h"
#include "daemon/server/runtime/untrusted_socket.h"

namespace sluice::server {
namespace {

constexpr Nanoseconds backoff_min_ns = 250 * ns_per_ms;
constexpr Nanoseconds backoff_max_ns = 60 * ns_per_s;
constexpr std::uint32_t backoff_doublings_max = 8;
constexpr Nanoseconds failures_forgotten_ns = 2 * backoff_max_ns;
constexpr Nanoseconds attach_ns_max = 10 * ns_per_s;
constexpr Nanoseconds replacement_delay_ns = 20 * ns_per_ms;
constexpr Nanoseconds goodbye_ns_max = ns_per_s;  // from a closed link to the process's end
constexpr Nanoseconds leaving_ns_max = released_ns_max + ns_per_s / 2;
constexpr Nanoseconds dismissal_ns_max = ns_per_s / 2;
constexpr Nanoseconds idle_proof_ns = 10 * ns_per_s;  // a worker that dies sooner, unused, counts as a failed start

Nanoseconds backoff_ns(std::uint32_t failures) {
  return std::min(backoff_min_ns << std::min(failures - 1, backoff_doublings_max), backoff_max_ns);
}

bool has_session(const Worker& worker) {
  switch (worker.state) {
    case WorkerState::attaching:
    case WorkerState::serving:
    case WorkerState::receiving:
    case WorkerState::prepared:
    case WorkerState::taking_over: return true;
    case WorkerState::starting:
    case WorkerState::ready:
    case WorkerState::leaving:
    case WorkerState::given_away: break;
  }
  return false;
}

// Its own process, and whatever it has started.
void kill_all(Worker& worker) {
  kill_process(worker.process);
  if (worker.group) worker.group->kill();
}

}  // namespace

WorkerPool::WorkerPool(EventLoop& loop, const WorkerLauncher& launcher, BlockingTasks& tasks, Settings settings)
    : loop_(loop), launcher_(launcher), tasks_(tasks), settings_(settings) {}

void WorkerPool::serve(std::uint32_t device) {
  devices_[device];
  refill(device);
}

void WorkerPool::set_waiting(std::uint32_t device, std::uint32_t waiting) {
  devices_[device].waiting = waiting;
  if (waiting > 0) refill(device);
}

// ---- starting ----

void WorkerPool::refill(std::uint32_t device) {
  const auto found = devices_.find(device);
  if (shutting_down_ || found == devices_.end() || found->second.retry_ns != 0) return;
  const DeviceView now = view(device);
  const std::uint32_t wanted = settings_.ready_per_device + found->second.waiting + found->second.moves_waiting;
  // While starting fails, one at a time is enough to learn that it still does.
  const std::uint32_t starting_max = found->second.failures > 0 ? 1 : settings_.starting_max;
  std::uint32_t starting = now.starting;
  while (now.ready + starting < wanted && starting < starting_max && found->second.retry_ns == 0) {
    start_one(device);
    ++starting;
  }
}

// One whose user no living worker has.
std::uint32_t WorkerPool::next_number() {
  const std::uint32_t uids = launcher_.uid_count();
  const auto taken = [&](std::uint32_t number) {
    const auto same_user = [&](std::uint32_t other) { return other % uids == number % uids; };
    return uids > 1 &&
           (std::any_of(workers_.begin(), workers_.end(), [&](const auto& entry) { return same_user(entry.first); }) ||
            std::any_of(lent_numbers_.begin(), lent_numbers_.end(), same_user));
  };
  do ++last_number_;
  while (taken(last_number_));
  return last_number_;
}

std::uint32_t WorkerPool::lend_number() {
  const std::uint32_t number = next_number();
  lent_numbers_.insert(number);
  return number;
}

void WorkerPool::start_one(std::uint32_t device) {
  const std::uint32_t number = next_number();
  auto launched = launcher_.start(number, device);
  if (!launched.ok()) {
    tasks_.run(BlockingTasks::no_user, launcher_.removal(number));
    return note_failure(device, launched.status().message());
  }
  begin(number, device, launched.take());
}

void WorkerPool::begin(std::uint32_t number, std::uint32_t device, LaunchedWorker launched) {
  UniqueFd log = std::move(launched.log);
  auto worker = take_in(number, device, std::move(launched));
  worker->enter(WorkerState::starting);
  worker->deadline = loop_.at(now_ns() + settings_.start_ns_max, [this, w = worker.get()] {
    end(*w, "was not ready within " + format_duration(settings_.start_ns_max));
  });
  if (Status watched = watch(*worker, std::move(log)); !watched.ok()) {
    kill_all(*worker);
    clear_away(std::move(worker));
    return note_failure(device, watched.message());
  }
  log::debug("worker {}: started for device {} (pid {})", number, device, worker->process.pid);
  workers_.emplace(number, std::move(worker));
}

Result<Worker*> WorkerPool::adopt(std::uint32_t number, std::uint32_t device, LaunchedWorker process, unsigned uid,
                                  bool gives) {
  auto group = launcher_.groups().adopt(number);
  if (!group.ok()) {
    tasks_.close(uid, one_fd(process.link.take_fd()));
    return group.status();
  }
  process.group = group.take();
  UniqueFd log = std::move(process.log);
  auto worker = take_in(number, device, std::move(process));
  worker->uid = uid;
  worker->giving_before = gives;
  worker->enter(WorkerState::serving);
  if (Status watched = watch(*worker, std::move(log)); !watched.ok()) {
    tasks_.close(uid, one_fd(worker->link.take_fd()));
    return watched;
  }
  return workers_.insert_or_assign(number, std::move(worker)).first->second.get();
}

std::unique_ptr<Worker> WorkerPool::take_in(std::uint32_t number, std::uint32_t device, LaunchedWorker launched) {
  auto worker = std::make_unique<Worker>();
  worker->number = number;
  worker->device = device;
  worker->process = std::move(launched.process);
  worker->link = std::move(launched.link);
  worker->group = std::move(launched.group);
  worker->log = std::make_unique<WorkerLog>(loop_, log_quota_, line_of_worker(number));
  return worker;
}

Status WorkerPool::watch(Worker& worker, UniqueFd log) {
  auto exit_watch =
      SLUICE_TRY(loop_.watch(worker.process.pidfd.get(), EPOLLIN, [this, &worker](std::uint32_t) { exited(worker); }));
  auto link_watch =
      SLUICE_TRY(loop_.watch(worker.link.fd(), EPOLLIN, [this, &worker](std::uint32_t) { (void)on_readable(worker); }));
  SLUICE_TRY(worker.log->open(std::move(log)));
  worker.exit_watch = std::move(exit_watch);
  worker.link_watch = std::move(link_watch);
  return Status();
}

// ---- what workers say ----

// A worker runs its tenant's kernels, so its words may be theirs: bounded and printable before anybody reads them.
std::string WorkerPool::plain_text(std::string text) {
  constexpr std::size_t text_bytes_max = 400;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  text.resize(std::min(text.size(), text_bytes_max));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// True: there was a message in its place, and there may be another.
bool WorkerPool::on_readable(Worker& worker) {
  if (!worker.link.valid()) return false;
  UntrustedMessage message = receive_untrusted(worker.link.fd(), worker_message_bytes_max);
  const bool brought_descriptors = !message.fds.empty();
  tasks_.close(worker.uid, std::move(message.fds));
  const Code code = message.status.code();
  if (code == Code::deadline_exceeded) return false;
  if (!message.status.ok() && code != Code::protocol_fault) return link_closed(worker), false;
  const auto decoded =
      message.status.ok() ? decode_worker_message(message.bytes) : Result<WorkerMessage>(message.status);
  if (brought_descriptors) break_off(worker, "descriptors that nobody asked for");
  else if (!decoded.ok()) break_off(worker, decoded.status().message());
  else handle(worker, decoded.value());
  return worker.link.valid();
}

void WorkerPool::handle(Worker& worker, const WorkerMessage& message) {
  if (message.kind == WorkerMessageKind::ready && worker.state == WorkerState::starting)
    return now_ready(worker, message);
  if (message.kind == WorkerMessageKind::attached && worker.state == WorkerState::attaching) {
    worker.deadline.reset();
    worker.enter(WorkerState::serving);
    return attached.raise(worker);
  }
  if (message.kind == WorkerMessageKind::ended && has_session(worker) && !std::exchange(worker.said_ended, true)) {
    if (worker.end_reason.empty()) worker.end_reason = plain_text(message.text);
    return;  // it exits by itself, which closes the link
  }
  if (message.kind == WorkerMessageKind::released && worker.state == WorkerState::serving)
    return session_released(worker);
  if (!handle_move(worker, message)) break_off(worker, "an unexpected message");
}

void WorkerPool::now_ready(Worker& worker, const WorkerMessage& message) {
  if (!message.text.empty()) return end(worker, plain_text(message.text));
  if (!launcher_.is_device(worker.device, message.devices))
    return end(worker, "it opened another device than it was started for");
  worker.deadline.reset();
  log::debug("worker {}: ready after {}", worker.number, format_duration(now_ns() - worker.since_ns));
  worker.enter(WorkerState::ready);
  DeviceState& device = devices_[worker.device];
  if (!device.failure.empty()) log::info("device {}: workers start again", worker.device);
  device.failure.clear();  // but not their count: this one has yet to prove that it lives
  ready.raise(worker.device);
  refill(worker.device);
}

void WorkerPool::session_released(Worker& worker) {
  worker.enter(WorkerState::leaving);
  released.raise(worker, worker.end_reason);
  worker.deadline = loop_.at(now_ns() + leaving_ns_max, [this, &worker] { end(worker, "it does not leave"); });
}

Worker* WorkerPool::take(std::uint32_t device) {
  for (auto& [number, worker] : workers_) {
    if (worker->device != device || worker->state != WorkerState::ready || !worker->end_reason.empty()) continue;
    worker->enter(WorkerState::attaching);
    devices_[device].failures = 0;
    worker->deadline = loop_.at(now_ns() + attach_ns_max, [this, w = worker.get()] {
      end(*w, "its worker did not take it within " + format_duration(attach_ns_max));
    });
    replace_later(device, replacement_delay_ns);
    return worker.get();
  }
  return nullptr;
}

Status WorkerPool::limit(Worker& worker, std::uint64_t arena_bytes, std::optional<std::uint32_t> milli_cores) const {
  SLUICE_TRY(launcher_.groups().limit_memory(worker.group, arena_bytes));
  return WorkerGroups::limit_cpu(worker.group, milli_cores);
}

// Starting a worker takes the loop some milliseconds, and the processor many: the attach that is under way goes first.
void WorkerPool::replace_later(std::uint32_t device, Nanoseconds delay_ns) {
  devices_[device].replacement = loop_.at(now_ns() + delay_ns, [this, device] { refill(device); });
}

// ---- ends ----

void WorkerPool::end(Worker& worker, const std::string& reason) {
  if (worker.end_reason.empty()) worker.end_reason = reason;
  worker.deadline.reset();
  kill_all(worker);
}

void WorkerPool::break_off(Worker& worker, const std::string& why) {
  link_closed(worker);
  end(worker, "its worker broke the protocol: " + why);
}

void WorkerPool::dismiss(Worker& worker, const std::string& reason) {
  WorkerMessage message;
  message.kind = WorkerMessageKind::ended;
  message.text = reason;
  if (!worker.link.valid() || !worker.link.send(encode_worker_message(message), {}, 0).ok()) return end(worker, reason);
  if (worker.end_reason.empty()) worker.end_reason = reason;
  worker.deadline = loop_.at(now_ns() + dismissal_ns_max, [&worker] { kill_all(worker); });
}

void WorkerPool::tell_program_gone(Worker& worker) {
  if (!worker.link.valid()) return;  // it is leaving already
  WorkerMessage message;
  message.kind = WorkerMessageKind::program_gone;
  if (!worker.link.send(encode_worker_message(message), {}, 0).ok()) end(worker, "the program has gone");
}

void WorkerPool::link_closed(Worker& worker) {
  worker.link_watch.reset();
  tasks_.close(worker.uid, one_fd(worker.link.take_fd()));  // unread messages in it may hold descriptors
  if (worker.state == WorkerState::leaving || worker.state == WorkerState::given_away) return;  // its deadline stands
  worker.deadline = loop_.at(now_ns() + goodbye_ns_max, [this, &worker] { end(worker, "worker closed its link"); });
}

void WorkerPool::exited(Worker& worker) {
  worker.exited = true;
  for (int i = 0; i <= worker_messages_max && on_readable(worker); ++i) {
  }
  worker.log->finish();
  const std::string how = "worker " + describe_end(worker.process);
  if (worker.end_reason.empty()) worker.end_reason = launcher_.groups().memory_reason(worker.group);
  const std::string reason = worker.end_reason.empty() ? how : worker.end_reason;
  if (worker.group) worker.group->kill();
  log::debug("worker {}: {} ({})", worker.number, how, reason);
  worker.exit_watch.reset();
  worker.link_watch.reset();
  worker.deadline.reset();
  auto node = workers_.extract(worker.number);
  const bool soon = now_ns() - worker.since_ns < idle_proof_ns;
  if (worker.state == WorkerState::starting || (worker.state == WorkerState::ready && soon))
    note_failure(worker.device, reason);
  else if (worker.state == WorkerState::ready)
    log::warn("device {}: idle worker {} ended: {}", worker.device, worker.number, reason);
  else end_session(worker, how, reason);
  const std::uint32_t device = worker.device;
  clear_away(std::move(node.mapped()));
  refill(device);
}

void WorkerPool::end_session(Worker& worker, const std::string& how, const std::string& reason) {
  if (worker.end_reason.empty() && !shutting_down_) crashed.raise(worker.device, how);
  gone.raise(worker, reason);
}

void WorkerPool::clear_away(std::unique_ptr<Worker> worker) {
  worker->exit_watch.reset();
  worker->link_watch.reset();
  if (worker->link.valid()) tasks_.close(worker->uid, one_fd(worker->link.take_fd()));
  end_in_background(tasks_, std::move(worker->process), launcher_.removal(worker->number));
}

void WorkerPool::note_failure(std::uint32_t device, const std::string& reason) {
  DeviceState& state = devices_[device];
  if (shutting_down_) return;
  state.failure = reason;
  if (state.retry_ns != 0) return;  // one of several that were starting together
  if (now_ns() - state.failed_ns > failures_forgotten_ns) state.failures = 0;
  state.failed_ns = now_ns();
  ++state.failures;
  const Nanoseconds wait_ns = backoff_ns(state.failures);
  state.retry_ns = now_ns() + wait_ns;
  state.retry = loop_.at(state.retry_ns, [this, device] {
    devices_[device].retry_ns = 0;
    refill(device);
  });
  log::warn("device {}: a worker could not be started: {}; next try in {}", device, reason, format_duration(wait_ns));
  start_failed.raise(device, reason);
}

WorkerPool::DeviceView WorkerPool::view(std::uint32_t device) const {
  DeviceView view;
  for (const auto& [number, worker] : workers_) {
    if (worker->device != device) continue;
    if (worker->state == WorkerState::starting) ++view.starting;
    else if (worker->state == WorkerState::ready) ++view.ready;
    else if (worker->state != WorkerState::leaving) ++view.serving;
  }
  if (const auto found = devices_.find(device); found != devices_.end()) {
    view.failure = found->second.failure;
    view.failures = found->second.failures;
    view.retry_ns = found->second.retry_ns;
  }
  return view;
}

void WorkerPool::shut_down() {
  shutting_down_ = true;
  for (auto& [number, worker] : workers_) end(*worker, "the daemon is stopping");
}

}  // namespace sluice::server
