#include "daemon/server/devices/lease_scheduler.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "base/log.h"
#include "base/units.h"

namespace sluice::server {
namespace {

using arbiter::Decision;
using arbiter::unlimited_ns;
using arbiter::Why;

constexpr std::size_t tenants_kept_max = 4096;  // with their tags and debts, after their last session
constexpr Nanoseconds cap_line_ns = 10 * ns_per_s;
constexpr std::uint64_t stop_id = 0;  // no session has it

LeaseTerms terms_of(const arbiter::Lease& lease) {
  return {lease.budget_ns, lease.until_ns, lease.window_ns, lease.piece_ns, lease.linger_ns};
}

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

// A worker may write anything.
std::uint64_t since(std::uint64_t sum, std::uint64_t before) { return sum > before ? sum - before : 0; }

// Each kick is an event of its own: nothing needs to be read.
Status watch(int poll, int fd, std::uint64_t id, int operation = EPOLL_CTL_ADD, bool muted = false) {
  epoll_event event{};
  event.events = muted ? 0 : EPOLLIN | EPOLLET;
  event.data.u64 = id;
  return epoll_ctl(poll, operation, fd, &event) == 0 ? Status() : errno_status("watch a session's lease", errno);
}

}  // namespace

// ---- the books ----

// A counter that can no longer be read has counted all of the device for whoever holds it.
void LeaseScheduler::read(Session& session, Nanoseconds now, bool holds) {
  Reading& last = session.reading;
  const Nanoseconds passed_ns = now - std::min(now, last.at_ns);
  const auto cpu_ns = session.evidence.cpu != nullptr ? session.evidence.cpu->cpu_ns() : std::nullopt;
  last.cpu_ns = std::max(last.cpu_ns, cpu_ns.value_or(last.cpu_ns + (holds ? passed_ns * session.evidence.units : 0)));
  last.measured_ns = std::max(last.measured_ns, session.meter->device_ns.load(std::memory_order_relaxed));
  last.at_ns = now;
}

arbiter::Use LeaseScheduler::used(const Session& session) {
  const Reading &from = session.charged_until, &to = session.reading;
  return {since(to.measured_ns, from.measured_ns),
          metering::floor_of(since(to.cpu_ns, from.cpu_ns), session.evidence.units)};
}

// REQUIRES: it holds no lease, and was just read.
void LeaseScheduler::charge_without_lease(Session& session, Nanoseconds now) {
  const Nanoseconds passed_ns = since(session.reading.at_ns, session.charged_until.at_ns);
  session.device->arbiter.ran_without(session.id, used(session), passed_ns, now);
  session.charged_until = session.reading;
}

void LeaseScheduler::observe_holder(Device& device, Nanoseconds now) {
  Session& holder = *sessions_.at(*device.arbiter.holder());
  read(holder, now, true);
  device.arbiter.observe(used(holder), now);
}

void LeaseScheduler::bring_up_to(Session& session, Nanoseconds now) {
  if (session.device->arbiter.holder() == session.id) return observe_holder(*session.device, now);
  read(session, now, false);
  charge_without_lease(session, now);
}

metering::Account LeaseScheduler::account(const Session& session, const Why& why, Nanoseconds now) {
  metering::Account account;
  account.books = {session.reading.measured_ns, session.before.charged_ns + why.charged_ns,
                   session.before.build_ns + why.build_ns};
  account.cpu_ns = session.reading.cpu_ns;
  account.noted_ns = now;
  return account;
}

metering::Account LeaseScheduler::settle_books(std::uint64_t session_id) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return {};
  const Nanoseconds now = now_ns();
  bring_up_to(*found->second, now);
  return account(*found->second, found->second->device->arbiter.why(session_id, now), now);
}

// ---- the thread ----

Status LeaseScheduler::start() {
  poll_.reset(epoll_create1(EPOLL_CLOEXEC));
  stop_.reset(eventfd(0, EFD_CLOEXEC));
  overdue_fd_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!poll_.valid() || !stop_.valid() || !overdue_fd_.valid()) return errno_status("start the lease scheduler", errno);
  if (Status watched = watch(poll_.get(), stop_.get(), stop_id); !watched.ok()) return watched;
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
  for (const std::uint64_t id : kicked) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) continue;
    found->second->told_something = false;
    found->second->device->kicked.push_back(found->second.get());
    if (found->second->kick) found->second->kick();
  }
  Nanoseconds next_ns = muted_ != 0 ? unmute(now) : unlimited_ns;
  for (const auto& [number, device] : devices_) {
    if (!device->kicked.empty() || device->again_ns <= now) settle(*device, now);
    next_ns = std::min(next_ns, device->again_ns);
  }
  for (const std::uint64_t id : kicked) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || found->second->kicks.take(found->second->told_something, now)) continue;
    mute(*found->second, true, now);
    next_ns = std::min(next_ns, found->second->muted_until_ns);
  }
  return next_ns;
}

// A kick that comes meanwhile is an event when it is listened to again.
void LeaseScheduler::mute(Session& session, bool muted, Nanoseconds now) {
  muted_ += (muted ? 1 : 0) - (session.muted_until_ns != 0 ? 1 : 0);
  session.muted_until_ns = muted ? now + KickBudget::pause_ns : 0;
  (void)watch(poll_.get(), session.kick_fd, session.id, EPOLL_CTL_MOD, muted);
}

Nanoseconds LeaseScheduler::unmute(Nanoseconds now) {
  Nanoseconds next_ns = unlimited_ns;
  for (const auto& [id, session] : sessions_) {
    if (session->muted_until_ns == 0) continue;
    if (session->muted_until_ns <= now) mute(*session, false, now);
    else next_ns = std::min(next_ns, session->muted_until_ns);
  }
  return next_ns;
}

// ---- sessions ----

arbiter::TenantId LeaseScheduler::tenant_of(Device& device, const std::string& tenant) {
  if (const auto found = device.tenants.find(tenant); found != device.tenants.end()) return found->second;
  if (device.tenants.size() >= tenants_kept_max) forget_tenants(device);
  return device.tenants[tenant] = next_tenant_++;
}

// Of those that have no session. A debt is forgotten with them: better than to grow without end.
void LeaseScheduler::forget_tenants(Device& device) {
  for (auto tenant = device.tenants.begin(); tenant != device.tenants.end();) {
    const bool here = std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
      return entry.second->device == &device && entry.second->tenant == tenant->first;
    });
    if (!here) {
      device.arbiter.remove_tenant(tenant->second);
      held_.erase(tenant->first);
    }
    tenant = here ? std::next(tenant) : device.tenants.erase(tenant);
  }
}

Status LeaseScheduler::open(const Opening& opening) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Device>& device = devices_[opening.device];
  if (device == nullptr) device = std::make_unique<Device>(settings_.arbiter);
  auto session = std::make_unique<Session>();
  session->id = opening.session_id;
  session->device = device.get();
  session->tenant = opening.tenant;
  session->name = opening.name;
  session->page = opening.lease;
  session->meter = opening.meter;
  session->kick_fd = opening.kick_fd;
  session->kick = opening.kicked;
  session->cap = opening.terms.cap;
  session->page.set_cap(opening.terms.cap.value);
  if (Status watched = watch(poll_.get(), opening.kick_fd, opening.session_id); !watched.ok()) return watched;
  const Nanoseconds now = now_ns();
  begin_books(*session, opening, now);
  const arbiter::TenantId tenant = tenant_of(*device, opening.tenant);
  device->arbiter.set_tenant(tenant, opening.terms, now);
  device->arbiter.open(opening.session_id, tenant, now, opening.evidence.proof);
  if (session->page.held()) {
    device->draining.push_back(session.get());
    ask_back(*session, now);
  }
  device->kicked.push_back(session.get());  // it may have asked before
  sessions_[opening.session_id] = std::move(session);
  settle(*device, now);
  wake_thread();
  return Status();
}

// What was used before is not this session's: the worker's start. What was used while no daemon lived is charged now.
void LeaseScheduler::begin_books(Session& session, const Opening& opening, Nanoseconds now) {
  session.evidence = opening.evidence;
  read(session, now, false);
  session.charged_until = session.reading;
  if (!opening.before) return;
  session.before = opening.before->books;
  session.charged_until = {opening.before->books.measured_ns, opening.before->cpu_ns, opening.before->noted_ns};
}

metering::Account LeaseScheduler::close(std::uint64_t session_id) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return {};
  Session& session = *found->second;
  Device& device = *session.device;
  const Nanoseconds now = now_ns();
  (void)epoll_ctl(poll_.get(), EPOLL_CTL_DEL, session.kick_fd, nullptr);
  bring_up_to(session, now);
  const metering::Account books = account(session, device.arbiter.close(session_id, now), now);
  muted_ -= session.muted_until_ns != 0 ? 1 : 0;
  std::erase(device.kicked, &session);
  std::erase(device.draining, &session);
  sessions_.erase(found);
  settle(device, now);
  wake_thread();
  return books;
}

void LeaseScheduler::set_terms(const std::string& tenant, const arbiter::ComputeTerms& terms) {
  const std::lock_guard lock(mutex_);
  const Nanoseconds now = now_ns();
  for (const auto& [id, session] : sessions_) {
    if (session->tenant != tenant) continue;
    session->cap = terms.cap;
    session->page.set_cap(terms.cap.value);
  }
  for (const auto& [number, device] : devices_) {
    const auto found = device->tenants.find(tenant);
    if (found == device->tenants.end()) continue;
    if (device->arbiter.holder()) observe_holder(*device, now);
    device->arbiter.set_tenant(found->second, terms, now);
    settle(*device, now);
  }
  wake_thread();
}

std::optional<Why> LeaseScheduler::why(std::uint64_t session_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return std::nullopt;
  const Session& session = *found->second;
  Why why = session.device->arbiter.why(session_id, now_ns());
  why.charged_ns += session.before.charged_ns;
  why.build_ns += session.before.build_ns;
  return why;
}

std::vector<Overdue> LeaseScheduler::take_overdue() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  (void)!::read(overdue_fd_.get(), &count, sizeof count);
  return std::exchange(overdue_, {});
}

// ---- one device ----

void LeaseScheduler::settle(Device& device, Nanoseconds now) {
  device.again_ns = unlimited_ns;
  read_requests(device, now);
  if (drained(device))
    while (carry_out(device, now)) continue;
  for (Session* session : device.draining) check_overdue(*session, now);
  if (const auto holder = device.arbiter.holder()) check_overdue(*sessions_.at(*holder), now);
}

// What the workers have written into their pages.
void LeaseScheduler::read_requests(Device& device, Nanoseconds now) {
  if (const auto holder = device.arbiter.holder()) {
    observe_holder(device, now);
    Session& session = *sessions_.at(*holder);
    if (!session.page.held()) {
      session.asked_back_ns = 0;
      session.reported = session.asked_for_cap = false;
      session.told_something = true;
      session.charged_until = session.reading;
      device.arbiter.returned(session.page.wants(), now);
    }
  }
  for (Session* session : std::exchange(device.kicked, {})) {
    if (!session->page.wants() || device.arbiter.holder() == session->id) continue;
    session->told_something |= device.arbiter.why(session->id, now).state == Why::State::idle;
    device.arbiter.wants(session->id, now);
    note_cap(*session, device.arbiter.why(session->id, now), now);
  }
}

bool LeaseScheduler::drained(Device& device) {
  std::erase_if(device.draining, [](Session* session) {
    if (session->page.held()) return false;
    session->asked_back_ns = 0;
    return true;
  });
  return device.draining.empty();
}

// True: something was done, and there may be more to do.
bool LeaseScheduler::carry_out(Device& device, Nanoseconds now) {
  const Decision decision = device.arbiter.decide(now);
  if (decision.kind == Decision::Kind::nothing) {
    device.again_ns = std::min(device.again_ns, decision.again_ns);
    return false;
  }
  Session& session = *sessions_.at(decision.session);
  if (decision.kind == Decision::Kind::ask_back) {
    ask_back(session, now);
    session.asked_for_cap = decision.past_cap;
    read_requests(device, now);
    return true;
  }
  grant(session, decision.lease, now);
  return true;
}

// What it used without a lease since the last one is charged with this one.
void LeaseScheduler::grant(Session& session, const arbiter::Lease& lease, Nanoseconds now) {
  read(session, now, false);
  charge_without_lease(session, now);
  session.page.grant(terms_of(lease));
}

void LeaseScheduler::ask_back(Session& session, Nanoseconds now) {
  session.asked_back_ns = session.page.ask_back() ? 0 : now;
}

void LeaseScheduler::check_overdue(Session& session, Nanoseconds now) {
  if (session.asked_back_ns == 0 || session.reported) return;
  if (session.asked_for_cap && !session.device->arbiter.waited_for()) return;
  if (std::exchange(session.asked_for_cap, false)) session.asked_back_ns = now;
  const Nanoseconds due_ns = session.asked_back_ns + settings_.overdue_ns;
  if (now < due_ns) {
    session.device->again_ns = std::min(session.device->again_ns, due_ns);
    return;
  }
  session.reported = true;
  overdue_.push_back({session.id, now - session.asked_back_ns});
  const std::uint64_t one = 1;
  (void)!::write(overdue_fd_.get(), &one, sizeof one);
}

void LeaseScheduler::note_cap(const Session& session, const Why& why, Nanoseconds now) {
  if (why.state != Why::State::held_by_cap) return;
  Held& held = held_[session.tenant];
  ++held.times;
  if (held.said_ns != 0 && now - held.said_ns < cap_line_ns) return;
  log::info("tenant {} is held back by its cap of {} (session {}, {} times since the last such line)", session.name,
            format_milli_gpu(session.cap), session.id, held.times);
  held = {now, 0};
}

}  // namespace sluice::server
