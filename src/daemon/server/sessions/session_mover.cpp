#include "daemon/server/sessions/session_mover.h"

#include <algorithm>
#include <cstring>

#include "base/contract.h"
#include "base/log.h"
#include "base/units.h"
#include "wire/codec.h"

namespace sluice::server {
namespace {

// What programs see of the device through any slice, but for what tells like devices apart: a program keeps what it saw
// of the first. (Some drivers give each of their devices a vendor's number of its own.)
std::vector<std::byte> visible_traits(const PoolDevice& device) {
  wire::DeviceTraits traits = slice_traits(device.traits, MilliGpu{}, 0);
  traits.allocation_bytes_max = 0;
  std::memset(traits.uuid, 0, sizeof traits.uuid);
  traits.vendor_id = 0;
  wire::Encoder encoder;
  encode(encoder, traits);
  return encoder.take();
}

Status check_class(const PoolDevice& from, const PoolDevice& to) {
  const auto refused = [&](const std::string& why) {
    return Status(Code::unsupported, "device " + std::to_string(to.index) + " (" + to.traits.name +
                                         ") is not of the class of device " + std::to_string(from.index) + " (" +
                                         from.traits.name + "): " + why);
  };
  if (from.traits.name != to.traits.name) return refused("it is of another make");
  if (from.traits.platform_name != to.traits.platform_name || from.traits.driver_version != to.traits.driver_version)
    return refused("it has another driver");
  if (visible_traits(from) != visible_traits(to)) return refused("programs would see another device");
  return Status();
}

void log_moved(const MoveView& view, std::uint64_t session_id, const MoveReport& report) {
  log::info(
      "session {} moved from device {} to device {}: it paused for {}; {} objects, {} sent ({} in the pause, {} "
      "rounds)",
      session_id, view.from, view.to, format_duration(report.pause_ns), report.objects, format_bytes(report.bytes),
      format_bytes(report.bytes_in_pause), report.rounds);
}

}  // namespace

Status SessionMover::check(std::uint64_t session_id, std::uint32_t device) const {
  const LiveSession* session = tools_.sessions.find(session_id);
  if (session == nullptr) return Status(Code::not_found, "there is no session " + std::to_string(session_id));
  const Status may = check(*session, device);
  if (may.ok()) return may;
  return Status(may.code(), "session " + std::to_string(session_id) + " cannot be moved: " + may.message());
}

Status SessionMover::check(const LiveSession& session, std::uint32_t device) const {
  const std::string name = "device " + std::to_string(device);
  SLUICE_TRY(check_movable(session));
  const std::uint32_t from = session.bindings.front().id.device;
  const PoolDevice* to = tools_.devices.find(device);
  if (to == nullptr) return Status(Code::not_found, "there is no " + name);
  if (from == device) return Status(Code::invalid_argument, "it is on " + name + " already");
  if (!to->enabled) return Status(Code::unavailable, name + " is not enabled in this pool");
  SLUICE_TRY(check_class(*tools_.devices.find(from), *to));
  return slices_.check_move(*session.use.tenant, from, device);
}

Result<std::uint64_t> SessionMover::start(std::uint64_t session_id, std::uint32_t device) {
  if (Status may = check(session_id, device); !may.ok()) {
    LiveSession* session = tools_.sessions.find(session_id);
    if (session != nullptr) session->unmoved = check(*session, device).message();
    return may;
  }
  const LiveSession& session = *tools_.sessions.find(session_id);
  Tenant& tenant = *session.use.tenant;
  const std::uint32_t from = session.bindings.front().id.device;
  const std::uint64_t booking = SLUICE_TRY(slices_.begin_move(tenant, from, device));
  const std::uint64_t number = ++last_number_;
  SliceMove& slice = moves_[number];
  slice.view.number = number;
  slice.view.tenant = tenant.key.name;
  slice.view.from = from;
  slice.view.to = device;
  slice.tenant_id = tenant.key.id;
  slice.booking = booking;
  move_next(slice, session_id);
  return number;
}

std::optional<MoveView> SessionMover::find(std::uint64_t number) const {
  if (const auto running = moves_.find(number); running != moves_.end()) {
    MoveView view = running->second.view;
    if (running->second.session != nullptr) view.progress = running->second.session->progress();
    return view;
  }
  const auto done =
      std::find_if(done_.begin(), done_.end(), [&](const MoveView& view) { return view.number == number; });
  return done != done_.end() ? std::optional(*done) : std::nullopt;
}

std::vector<std::uint64_t> SessionMover::sessions_with(std::uint64_t session_id) const {
  const LiveSession* named = tools_.sessions.find(session_id);
  SLUICE_REQUIRE(named != nullptr);
  std::vector<std::uint64_t> ids{session_id};
  for (const auto& [id, session] : tools_.sessions.live())
    if (id != session_id && session->live && session->use.tenant == named->use.tenant &&
        session->use.device == named->use.device)
      ids.push_back(id);
  return ids;
}

// ---- one session after another ----

void SessionMover::move_next(SliceMove& slice, std::uint64_t session_id) {
  const std::uint64_t number = slice.view.number;
  slice.view.current = session_id;
  slice.session =
      std::make_unique<SessionMove>(tools_, number, session_id, slice.view.to,
                                    [this, number, session_id](const Status& status, const MoveReport& report) {
                                      session_done(number, session_id, status, report);
                                    });
}

void SessionMover::session_done(std::uint64_t number, std::uint64_t session_id, const Status& status,
                                const MoveReport& report) {
  SliceMove& slice = moves_.at(number);
  slice.session.reset();
  slice.view.current = 0;
  // One that ended meanwhile is no reason to leave the others, unless it was asked for.
  const bool ended = status.code() == Code::not_found && !slice.view.moved.empty();
  if (!status.ok() && !ended) return fail(slice, session_id, status);
  if (status.ok()) {
    slice.view.moved.push_back({session_id, report});
    log_moved(slice.view, session_id, report);
  }
  const std::uint64_t next = next_session(slice);
  if (next == 0) return end(slice);
  if (Status may = check_movable(*tools_.sessions.find(next)); !may.ok()) return fail(slice, next, may);
  move_next(slice, next);
}

// A session that is not live yet has no program: it stays until it is moved or ends. 0: none is left.
std::uint64_t SessionMover::next_session(const SliceMove& slice) const {
  if (!slices_.is_moving(slice.tenant_id, slice.booking)) return 0;  // its last session ended; another one is not moved
  for (const auto& [id, session] : tools_.sessions.live())
    if (session->live && session->record.tenant_id == slice.tenant_id && session->use.device == slice.view.from)
      return id;
  return 0;
}

void SessionMover::fail(SliceMove& slice, std::uint64_t session_id, const Status& why) {
  slice.view.failed = session_id;
  slice.view.failure = why.message();
  if (LiveSession* session = tools_.sessions.find(session_id); session != nullptr) session->unmoved = why.message();
  log::info("session {} was not moved to device {}: {}", session_id, slice.view.to, why.message());
  end(slice);
}

void SessionMover::end(SliceMove& slice) {
  slices_.end_move(slice.tenant_id, slice.booking);
  const Tenant* tenant = slices_.tenants().find(slice.tenant_id);
  slice.view.on_both = tenant != nullptr && tenant->other_device.has_value();
  if (slice.view.on_both)
    log::warn("tenant {}'s slice stays booked on devices {} and {} for as long as it has sessions on both",
              slice.view.tenant, slice.view.from, slice.view.to);
  slice.view.done = true;
  done_.push_front(std::move(slice.view));
  if (done_.size() > done_kept_max) done_.pop_back();
  moves_.erase(done_.front().number);
}

// ---- workers ----

void SessionMover::worker_ready(std::uint32_t device) {
  for (auto& [number, slice] : moves_)
    if (slice.session != nullptr) slice.session->worker_ready(device);
}

void SessionMover::worker_prepared(Worker& worker) {
  for (auto& [number, slice] : moves_)
    if (slice.session != nullptr) slice.session->worker_prepared(worker);
}

void SessionMover::worker_moved(Worker& worker, const MoveReport& report) {
  for (auto& [number, slice] : moves_)
    if (slice.session != nullptr) slice.session->worker_moved(worker, report);
}

void SessionMover::worker_kept(Worker& worker, const std::string& why) {
  for (auto& [number, slice] : moves_)
    if (slice.session != nullptr) slice.session->worker_kept(worker, why);
}

void SessionMover::worker_released(Worker& worker, const std::string& why) {
  for (auto& [number, slice] : moves_)
    if (slice.session != nullptr) slice.session->worker_released(worker, why);
}

void SessionMover::worker_gone(Worker& worker, const std::string& why) {
  for (auto& [number, slice] : moves_)
    if (slice.session != nullptr) slice.session->worker_gone(worker, why);
}

}  // namespace sluice::server
