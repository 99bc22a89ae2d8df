#include "daemon/server/admin/admin_views.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace sluice::server {
namespace {

using nlohmann::json;

const char* kind_name(wire::DeviceKind kind) {
  switch (kind) {
    case wire::DeviceKind::cpu: return "cpu";
    case wire::DeviceKind::gpu: return "gpu";
    case wire::DeviceKind::accelerator: return "accelerator";
  }
  return "unknown";
}

// Each card has one of its own here, though sessions on all of them see their device's.
std::array<std::uint8_t, 16> uuid_of(const PoolDevice& device) {
  std::array<std::uint8_t, 16> uuid = identity_of(device).uuid;
  if (device.cards > 1) uuid.back() ^= static_cast<std::uint8_t>(device.card + 1);
  return uuid;
}

std::string uuid_text(const std::array<std::uint8_t, 16>& uuid) {
  std::string text;
  char byte[4];
  for (std::size_t i = 0; i < sizeof uuid; ++i) {
    const bool dash = i == 4 || i == 6 || i == 8 || i == 10;  // as RFC 9562 writes it
    std::snprintf(byte, sizeof byte, "%s%02x", dash ? "-" : "", uuid[i]);
    text += byte;
  }
  return text;
}

bool serves(const LiveSession& session, std::uint32_t device) {
  return std::any_of(session.bindings.begin(), session.bindings.end(),
                     [device](const LiveBinding& binding) { return binding.id.device == device; });
}

std::size_t sessions_on(const PoolView& pool, std::uint32_t device) {
  std::size_t count = 0;
  for (const auto& [id, session] : pool.sessions.live()) count += serves(*session, device) ? 1 : 0;
  return count;
}

json workers_json(const WorkerPool::DeviceView& view) {
  json workers{{"ready", view.ready}, {"starting", view.starting}, {"serving", view.serving}};
  if (!view.failure.empty()) {
    const Nanoseconds now = now_ns();
    workers["failure"] = view.failure;
    workers["retry_in_ns"] = view.retry_ns > now ? view.retry_ns - now : 0;
  }
  return workers;
}

json health_json(const DeviceHealth& health) {
  json view{{"state", health_name(health.state())}};
  if (health.state() == Health::ok) return view;
  const Nanoseconds now = now_ns();
  view["reason"] = health.reason();
  view["for_ns"] = now > health.since_ns() ? now - health.since_ns() : 0;
  return view;
}

json slices_json(const PoolView& pool, std::uint32_t device) {
  json slices = json::array();
  for (const auto& [id, tenant] : pool.slices.tenants().all())
    if (tenant->slice.device() == device)
      slices.push_back({{"tenant", tenant->key.name},
                        {"gpu_milli", tenant->slice.gpu.value},
                        {"memory_bytes", tenant->slice.memory_bytes},
                        {"sessions", tenant->sessions()}});
  return slices;
}

json room_json(const PoolView& pool, const PoolDevice& device) {
  const Promised promised = pool.devices.promised(device.index);
  return {{"index", device.index},
          {"name", device.traits.name},
          {"label", label_of(device)},
          {"enabled", device.enabled},
          {"memory_bytes", device.memory_offered_bytes},
          {"memory_promised_bytes", promised.memory_bytes},
          {"gpu_milli", device.gpu_offered.value},
          {"gpu_promised_milli", promised.gpu.value},
          {"sessions", sessions_on(pool, device.index)},
          {"health", health_json(device.health)},
          {"workers", workers_json(pool.workers.view(device.index))}};
}

json card_json(const PoolDevice& device) {
  return {{"number", device.card}, {"of", device.cards}, {"cpus", device.cpus.to_string()}};
}

json usage_json(const Usage& usage) {
  return {{"measured_ns", usage.books.measured_ns},
          {"charged_ns", usage.books.charged_ns},
          {"build_ns", usage.books.build_ns},
          {"device_ns", usage.device_ns},
          {"launches", usage.launches},
          {"commands", usage.commands},
          {"failures", usage.failures},
          {"bytes_in", usage.bytes_in},
          {"bytes_out", usage.bytes_out},
          {"memory_bytes", usage.memory_bytes},
          {"memory_peak_bytes", usage.memory_peak_bytes}};
}

json record_json(const SessionRecord& record) {
  return {{"id", record.session_id},
          {"tenant", record.tenant},
          {"uid", record.client_uid},
          {"gid", record.client_gid},
          {"program", record.program},
          {"pid", record.client_pid},
          {"device", record.bindings.empty() ? 0 : record.bindings.front().device},
          {"gpu_milli", record.limits.gpu_milli},
          {"memory_limit_bytes", record.limits.memory_bytes},
          {"started_unix_ns", record.started_unix_ns}};
}

const char* state_name(arbiter::Why::State state) {
  using State = arbiter::Why::State;
  switch (state) {
    case State::idle: return "idle";
    case State::runs: return "holds the device";
    case State::waits_for_turn: return "waits for its turn";
    case State::held_by_cap: return "held back by its cap";
    case State::suspended: return "suspended";
  }
  return "unknown";
}

json why_json(const arbiter::Why& why) {
  const Nanoseconds now = now_ns();
  return {{"state", state_name(why.state)},
          {"for_ns", now > why.since_ns ? now - why.since_ns : 0},
          {"held_back_for_ns", why.until_ns > now ? why.until_ns - now : 0},
          {"holder", why.holder},
          {"cap_debt_ns", why.cap_debt_ns},
          {"leases", why.leases},
          {"asked_back", why.asked_back},
          {"leased_ns", why.leased_ns},
          {"waited_ns", why.waited_ns},
          {"capped_ns", why.capped_ns},
          {"charged_ns", why.charged_ns},
          {"build_ns", why.build_ns},
          {"beyond_waited_ns", why.beyond_waited_ns},
          {"beyond_floor_ns", why.beyond_floor_ns}};
}

json terms_json(const arbiter::ComputeTerms& terms) {
  return {{"guarantee_milli", terms.guarantee.value},
          {"cap_milli", terms.cap.value},
          {"class", std::string(arbiter::class_name(terms.priority_class))},
          {"suspended", terms.suspended}};
}

json live_json(const PoolView& pool, const LiveSession& session) {
  json view = record_json(session.record);
  view["usage"] = usage_json(usage_of(session));
  const Tenant& tenant = *session.use.tenant;
  view["gpu_milli"] = tenant.slice.gpu.value;  // as they are now: the record has what the session began with
  view["memory_limit_bytes"] = tenant.slice.memory_bytes;
  view["tenant_memory_bytes"] = pool.sessions.held_by(tenant);
  view["worker_pid"] = session.bindings.front().worker->process.pid;
  return view;
}

json explained_json(const PoolView& pool, const LiveSession& session) {
  json view = live_json(pool, session);
  view["terms"] = terms_json(session.use.tenant->terms);
  if (!session.unmoved.empty()) view["unmoved"] = session.unmoved;
  if (const auto why = pool.leases.why(session.bindings.front().id)) view["why"] = why_json(*why);
  return view;
}

json ended_json(const EndedSession& session) {
  json view = record_json(session.record);
  view["usage"] = usage_json(session.usage);
  view["ended_unix_ns"] = session.ended_unix_ns;
  view["reason"] = session.reason;
  return view;
}

}  // namespace

json status_view(const PoolView& pool) {
  json devices = json::array();
  for (const PoolDevice& device : pool.devices.devices()) devices.push_back(room_json(pool, device));
  return {{"version", SLUICE_VERSION},
          {"pid", getpid()},
          {"runtime_dir", pool.runtime_dir},
          {"user_pool", pool.user_pool},
          {"started_unix_ns", pool.started_unix_ns},
          {"now_unix_ns", unix_now_ns()},
          {"tenants", pool.slices.tenants().all().size()},
          {"sessions", pool.slices.taken()},
          {"sessions_max", pool.slices.rules().sessions_max},
          {"devices", std::move(devices)}};
}

json devices_view(const PoolView& pool) {
  json devices = json::array();
  for (const PoolDevice& device : pool.devices.devices()) {
    const wire::DeviceTraits& traits = device.traits;
    json view = room_json(pool, device);
    view.update({{"vendor", traits.vendor},
                 {"platform", traits.platform_name},
                 {"driver_version", traits.driver_version},
                 {"device_version", traits.device_version},
                 {"kind", kind_name(traits.kind)},
                 {"uuid", uuid_text(uuid_of(device))},
                 {"driver_index", device.driver_index},
                 {"class", pool.devices.class_name(device.index)},
                 {"slices", slices_json(pool, device.index)},
                 {"compute_units", traits.compute_units},
                 {"clock_mhz", traits.clock_mhz},
                 {"device_memory_bytes", traits.global_memory_bytes},
                 {"buffers_in_host_memory", traits.buffers_in_arena}});
    if (!device.cpus.empty()) view["card"] = card_json(device);
    devices.push_back(std::move(view));
  }
  return {{"devices", std::move(devices)}};
}

json sessions_view(const PoolView& pool, SessionsWanted wanted) {
  json sessions = json::array();
  if (wanted.ended) {
    for (const EndedSession& session : pool.sessions.history()) sessions.push_back(ended_json(session));
  } else {
    for (const auto& [id, session] : pool.sessions.live())
      if (session->live) sessions.push_back(wanted.why ? explained_json(pool, *session) : live_json(pool, *session));
  }
  return {{"now_unix_ns", unix_now_ns()}, {"ended", wanted.ended}, {"sessions", std::move(sessions)}};
}

}  // namespace sluice::server
