#include "daemon/server/devices/lease_scheduler.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "base/contract.h"
#include "base/log.h"
#include "base/units.h"

namespace sluice::server {
namespace {

using arbiter::LeaseDecision;
using arbiter::unlimited_ns;
using arbiter::Why;

constexpr std::size_t tenants_kept_max = 4096;  // with their tags and debts, after their last session
constexpr Nanoseconds cap_line_ns = 10 * ns_per_s;
constexpr std::uint64_t stop_id = 0;  // no client has it

using Events = std::array<epoll_event, 64>;

// No time: for ever. Kernels before Linux 5.11 know of nothing finer than milliseconds.
int wait_for(int poll, Events& events, std::optional<Nanoseconds> time_ns) {
  const Nanoseconds left_ns = time_ns.value_or(0);
  const timespec timeout{static_cast<time_t>(left_ns / ns_per_s), static_cast<long>(left_ns % ns_per_s)};
  const int room = static_cast<int>(events.size());
  const int count = epoll_pwait2(poll, events.data(), room, time_ns ? &timeout : nullptr, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  const Nanoseconds ms = std::min<Nanoseconds>((left_ns + ns_per_ms - 1) / ns_per_ms, INT_MAX);
  return epoll_wait(poll, events.data(), room, time_ns ? static_cast<int>(ms) : -1);
}

// Each kick is an event of its own: nothing needs to be read.
Status watch(int poll, int fd, std::uint64_t id, int operation = EPOLL_CTL_ADD, bool muted = false) {
  epoll_event event{};
  event.events = muted ? 0 : EPOLLIN | EPOLLET;
  event.data.u64 = id;
  return epoll_ctl(poll, operation, fd, &event) == 0 ? Status() : errno_status("watch a session's lease", errno);
}

}  // namespace

// ---- the books ----

// REQUIRES: it holds no lease, and was just read.
void LeaseScheduler::charge_without_lease(LeaseClient& client, Nanoseconds now) {
  const Nanoseconds passed_ns = client.reading.at_ns - std::min(client.reading.at_ns, client.charged_until.at_ns);
  client.queue->arbiter.ran_without(client.id.session_id, client.used(), passed_ns, now);
  client.charged_until = client.reading;
}

void LeaseScheduler::observe_holder(DeviceQueue& queue, Nanoseconds now) {
  LeaseClient& holder = *queue.clients.at(*queue.arbiter.holder());
  holder.read(now, true);
  queue.arbiter.observe(holder.used(), now);
}

void LeaseScheduler::bring_up_to(LeaseClient& client, Nanoseconds now) {
  if (client.queue->arbiter.holder() == client.id.session_id) return observe_holder(*client.queue, now);
  client.read(now, false);
  charge_without_lease(client, now);
}

metering::Account LeaseScheduler::settle_books(const BindingId& binding) {
  const std::lock_guard lock(mutex_);
  LeaseClient* client = find(binding);
  if (client == nullptr) return {};
  const Nanoseconds now = now_ns();
  bring_up_to(*client, now);
  return client->account(client->queue->arbiter.why(binding.session_id, now), now);
}

// ---- the thread ----

Status LeaseScheduler::start() {
  poll_.reset(epoll_create1(EPOLL_CLOEXEC));
  stop_.reset(eventfd(0, EFD_CLOEXEC));
  if (!poll_.valid() || !stop_.valid()) return errno_status("start the lease scheduler", errno);
  SLUICE_TRY(overdue.open());
  SLUICE_TRY(watch(poll_.get(), stop_.get(), stop_id));
  thread_ = std::thread([this] { run(); });
  return Status();
}

LeaseScheduler::~LeaseScheduler() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);
  wake_thread();
  thread_.join();
}

// It must learn of another deadline.
void LeaseScheduler::wake_thread() const {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
}

void LeaseScheduler::run() {
  Events events;
  std::array<std::uint64_t, std::tuple_size_v<Events>> kicked;
  Nanoseconds next_ns = unlimited_ns;
  while (!stopping_.load(std::memory_order_acquire)) {
    const Nanoseconds before = now_ns();
    const Nanoseconds left_ns = next_ns > before ? next_ns - before : 0;
    const int count = wait_for(poll_.get(), events, next_ns != unlimited_ns ? std::optional(left_ns) : std::nullopt);
    const auto ready = static_cast<std::size_t>(std::max(count, 0));
    for (std::size_t i = 0; i < ready; ++i) kicked[i] = events[i].data.u64;
    const std::lock_guard lock(mutex_);
    next_ns = take_kicks(std::span(kicked).first(ready), now_ns());
  }
}

// Returns when to look again.
Nanoseconds LeaseScheduler::take_kicks(std::span<const std::uint64_t> kicked, Nanoseconds now) {
  for (const std::uint64_t serial : kicked) {
    const auto found = by_serial_.find(serial);
    if (found == by_serial_.end()) continue;
    found->second->told_something = false;
    found->second->queue->kicked.push_back(found->second.get());
    if (found->second->kick) found->second->kick();
  }
  Nanoseconds next_ns = muted_ != 0 ? unmute(now) : unlimited_ns;
  for (const auto& [device, queue] : queues_) {
    if (!queue->kicked.empty() || queue->again_ns <= now) settle(*queue, now);
    next_ns = std::min(next_ns, queue->again_ns);
  }
  for (const std::uint64_t serial : kicked) {
    const auto found = by_serial_.find(serial);
    if (found == by_serial_.end() || found->second->kicks.take(found->second->told_something, now)) continue;
    mute(*found->second, true, now);
    next_ns = std::min(next_ns, found->second->muted_until_ns);
  }
  return next_ns;
}

// A kick that comes meanwhile is an event once kicks are read again.
void LeaseScheduler::mute(LeaseClient& client, bool muted, Nanoseconds now) {
  muted_ += (muted ? 1 : 0) - (client.muted_until_ns != 0 ? 1 : 0);
  client.muted_until_ns = muted ? now + KickBudget::pause_ns : 0;
  (void)watch(poll_.get(), client.kick_fd, client.serial, EPOLL_CTL_MOD, muted);
}

Nanoseconds LeaseScheduler::unmute(Nanoseconds now) {
  Nanoseconds next_ns = unlimited_ns;
  for (const auto& [serial, client] : by_serial_) {
    if (client->muted_until_ns == 0) continue;
    if (client->muted_until_ns <= now) mute(*client, false, now);
    else next_ns = std::min(next_ns, client->muted_until_ns);
  }
  return next_ns;
}

// ---- bindings ----

arbiter::TenantId LeaseScheduler::tenant_of(DeviceQueue& queue, const std::string& tenant) {
  if (const auto found = queue.tenants.find(tenant); found != queue.tenants.end()) return found->second;
  if (queue.tenants.size() >= tenants_kept_max) forget_tenants(queue);
  return queue.tenants[tenant] = next_tenant_++;
}

// Of those that have no session. A debt is forgotten with them: better than to grow without end.
void LeaseScheduler::forget_tenants(DeviceQueue& queue) {
  for (auto tenant = queue.tenants.begin(); tenant != queue.tenants.end();) {
    const bool here = std::any_of(queue.clients.begin(), queue.clients.end(),
                                  [&](const auto& entry) { return entry.second->tenant == tenant->first; });
    if (!here) {
      queue.arbiter.remove_tenant(tenant->second);
      held_.erase(tenant->first);
    }
    tenant = here ? std::next(tenant) : queue.tenants.erase(tenant);
  }
}

LeaseClient* LeaseScheduler::find(const BindingId& id) const {
  const auto queue = queues_.find(id.device);
  if (queue == queues_.end()) return nullptr;
  const auto client = queue->second->clients.find(id.session_id);
  return client != queue->second->clients.end() ? client->second : nullptr;
}

Status LeaseScheduler::open(const Opening& opening) {
  const std::lock_guard lock(mutex_);
  SLUICE_REQUIRE(find(opening.binding) == nullptr);
  std::unique_ptr<DeviceQueue>& queue = queues_[opening.binding.device];
  if (queue == nullptr) queue = std::make_unique<DeviceQueue>(settings_.arbiter);
  auto made = std::make_unique<LeaseClient>();
  LeaseClient& client = *made;
  client.id = opening.binding;
  client.serial = next_serial_++;
  client.queue = queue.get();
  client.tenant = opening.tenant;
  client.name = opening.name;
  client.page = opening.lease;
  client.meter = opening.meter;
  client.kick_fd = opening.kick_fd;
  client.kick = opening.kicked;
  client.cap = opening.terms.cap;
  client.page.set_cap(opening.terms.cap.value);
  SLUICE_TRY(watch(poll_.get(), client.kick_fd, client.serial));
  const Nanoseconds now = now_ns();
  client.begin_books(opening.evidence, opening.before, now);
  by_serial_.emplace(client.serial, std::move(made));
  enter(*queue, client, opening, now);
  wake_thread();
  return Status();
}

void LeaseScheduler::enter(DeviceQueue& queue, LeaseClient& client, const Opening& opening, Nanoseconds now) {
  const arbiter::TenantId tenant = tenant_of(queue, client.tenant);
  queue.clients.emplace(client.id.session_id, &client);
  queue.arbiter.set_tenant(tenant, opening.terms, now);
  queue.arbiter.open(client.id.session_id, tenant, now, opening.evidence.proof);
  if (client.page.held()) {
    queue.draining.push_back(&client);
    ask_back(client, now);
  }
  queue.kicked.push_back(&client);  // it may have asked before
  settle(queue, now);
}

metering::Account LeaseScheduler::close(const BindingId& binding) {
  const std::lock_guard lock(mutex_);
  LeaseClient* client = find(binding);
  return client != nullptr ? remove(*client, now_ns()) : metering::Account();
}

metering::Account LeaseScheduler::remove(LeaseClient& client, Nanoseconds now) {
  DeviceQueue& queue = *client.queue;
  (void)epoll_ctl(poll_.get(), EPOLL_CTL_DEL, client.kick_fd, nullptr);
  bring_up_to(client, now);
  const metering::Account books = client.account(queue.arbiter.close(client.id.session_id, now), now);
  muted_ -= client.muted_until_ns != 0 ? 1 : 0;
  std::erase(queue.kicked, &client);
  std::erase(queue.draining, &client);
  queue.clients.erase(client.id.session_id);
  by_serial_.erase(client.serial);
  settle(queue, now);
  wake_thread();
  return books;
}

metering::Account LeaseScheduler::hand_over(const BindingId& from, const BindingId& to) {
  const std::lock_guard lock(mutex_);
  LeaseClient* const source = find(from);
  LeaseClient* const target = find(to);
  SLUICE_REQUIRE(source != nullptr && target != nullptr && source->queue != target->queue);
  DeviceQueue& left = *source->queue;
  const Nanoseconds now = now_ns();
  const metering::Account books = remove(*source, now);
  const arbiter::Standing standing = left.arbiter.standing(tenant_of(left, target->tenant), now);
  target->queue->arbiter.take_on(tenant_of(*target->queue, target->tenant), standing, now);
  settle(*target->queue, now);
  wake_thread();
  return books;
}

void LeaseScheduler::set_terms(const std::string& tenant, const arbiter::ComputeTerms& terms) {
  const std::lock_guard lock(mutex_);
  const Nanoseconds now = now_ns();
  for (const auto& [serial, client] : by_serial_) {
    if (client->tenant != tenant) continue;
    client->cap = terms.cap;
    client->page.set_cap(terms.cap.value);
  }
  for (const auto& [device, queue] : queues_) {
    const auto found = queue->tenants.find(tenant);
    if (found == queue->tenants.end()) continue;
    if (queue->arbiter.holder()) observe_holder(*queue, now);
    queue->arbiter.set_tenant(found->second, terms, now);
    settle(*queue, now);
  }
  wake_thread();
}

std::optional<Why> LeaseScheduler::why(const BindingId& binding) const {
  const std::lock_guard lock(mutex_);
  const LeaseClient* client = find(binding);
  if (client == nullptr) return std::nullopt;
  Why why = client->queue->arbiter.why(binding.session_id, now_ns());
  why.charged_ns += client->before.charged_ns;
  why.build_ns += client->before.build_ns;
  return why;
}

std::vector<Overdue> LeaseScheduler::take_overdue() {
  const std::lock_guard lock(mutex_);
  return std::exchange(overdue_, {});
}

// ---- one device ----

void LeaseScheduler::settle(DeviceQueue& queue, Nanoseconds now) {
  queue.again_ns = unlimited_ns;
  read_requests(queue, now);
  if (drained(queue))
    while (carry_out(queue, now)) continue;
  for (LeaseClient* client : queue.draining) check_overdue(*client, now);
  if (const auto holder = queue.arbiter.holder()) check_overdue(*queue.clients.at(*holder), now);
}

// What the workers have written into their pages.
void LeaseScheduler::read_requests(DeviceQueue& queue, Nanoseconds now) {
  if (const auto holder = queue.arbiter.holder()) {
    observe_holder(queue, now);
    LeaseClient& client = *queue.clients.at(*holder);
    if (!client.page.held()) {
      client.asked_back_ns = 0;
      client.reported = client.asked_for_cap = false;
      client.told_something = true;
      client.charged_until = client.reading;
      queue.arbiter.returned(client.page.wants(), now);
    }
  }
  for (LeaseClient* client : std::exchange(queue.kicked, {})) {
    if (!client->page.wants() || queue.arbiter.holder() == client->id.session_id) continue;
    client->told_something |= queue.arbiter.why(client->id.session_id, now).state == Why::State::idle;
    queue.arbiter.wants(client->id.session_id, now);
    note_cap(*client, queue.arbiter.why(client->id.session_id, now), now);
  }
}

bool LeaseScheduler::drained(DeviceQueue& queue) {
  std::erase_if(queue.draining, [](LeaseClient* client) {
    if (client->page.held()) return false;
    client->asked_back_ns = 0;
    return true;
  });
  return queue.draining.empty();
}

// True: something was done, and there may be more to do.
bool LeaseScheduler::carry_out(DeviceQueue& queue, Nanoseconds now) {
  const LeaseDecision decision = queue.arbiter.decide(now);
  if (decision.kind == LeaseDecision::Kind::nothing) {
    queue.again_ns = std::min(queue.again_ns, decision.again_ns);
    return false;
  }
  LeaseClient& client = *queue.clients.at(decision.session);
  if (decision.kind == LeaseDecision::Kind::ask_back) {
    ask_back(client, now);
    client.asked_for_cap = decision.past_cap;
    read_requests(queue, now);
    return true;
  }
  grant(client, decision.terms, now);
  return true;
}

// What it used without a lease since the last one is charged with this one.
void LeaseScheduler::grant(LeaseClient& client, const LeaseTerms& terms, Nanoseconds now) {
  client.read(now, false);
  charge_without_lease(client, now);
  client.page.grant(terms);
}

void LeaseScheduler::ask_back(LeaseClient& client, Nanoseconds now) {
  client.asked_back_ns = client.page.ask_back() ? 0 : now;
}

void LeaseScheduler::check_overdue(LeaseClient& client, Nanoseconds now) {
  if (client.asked_back_ns == 0 || client.reported) return;
  if (client.asked_for_cap && !client.queue->arbiter.waited_for()) return;
  if (std::exchange(client.asked_for_cap, false)) client.asked_back_ns = now;
  const Nanoseconds due_ns = client.asked_back_ns + settings_.overdue_ns;
  if (now < due_ns) {
    client.queue->again_ns = std::min(client.queue->again_ns, due_ns);
    return;
  }
  client.reported = true;
  overdue_.push_back({client.id, now - client.asked_back_ns});
  overdue.raise();
}

void LeaseScheduler::note_cap(const LeaseClient& client, const Why& why, Nanoseconds now) {
  if (why.state != Why::State::held_by_cap) return;
  Held& held = held_[client.tenant];
  ++held.times;
  if (held.said_ns != 0 && now - held.said_ns < cap_line_ns) return;
  log::info("tenant {} is held back by its cap of {} (session {}, {} times since the last such line)", client.name,
            format_milli_gpu(client.cap), client.id.session_id, held.times);
  held = {now, 0};
}

}  // namespace sluice::server
