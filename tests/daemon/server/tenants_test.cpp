#include "daemon/server/tenants.h"

#include <catch2/catch.hpp>

#include "daemon/server/seats.h"

using namespace sluice;
using namespace sluice::server;

namespace {

constexpr std::uint64_t mib = 1ull << 20;

allocator::Placement slice(std::uint64_t memory) { return {0, MilliGpu{100}, memory}; }

DevicePool one_device() {
  wire::DeviceTraits traits;
  traits.name = "card";
  traits.global_memory_bytes = 64 * mib;
  return DevicePool({traits}, {}, 1ull << 40);
}

SessionRecord record_of(const Seat& seat) {
  SessionRecord record;
  record.tenant_id = seat.tenant->key.id;
  record.client_uid = seat.tenant->key.uid;
  wire::set_text(record.tenant, seat.tenant->key.name);
  record.memory_limit_bytes = seat.tenant->slice.memory_bytes;
  record.gpu_milli = seat.tenant->slice.gpu.value;
  record.device_index = seat.tenant->slice.device;
  return record;
}

store::TenantRecord registered(const std::string& name, std::uint32_t gpu, std::uint64_t memory) {
  store::TenantRecord tenant;
  tenant.id = std::hash<std::string>()(name);
  tenant.name = name;
  tenant.terms.guarantee = MilliGpu{gpu};
  tenant.memory_bytes = memory;
  return tenant;
}

}  // namespace

TEST_CASE("a tenant is known by its id alone") {
  Tenants tenants;
  REQUIRE(tenants.create({7, 1000, "alice"}, slice(mib)) != nullptr);
  CHECK(tenants.find(7) != nullptr);
  CHECK(tenants.find(8) == nullptr);
}

TEST_CASE("a tenant goes with its last session") {
  Tenants tenants;
  Tenant& tenant = *tenants.create({7, 1000, "alice"}, slice(mib));
  REQUIRE(Tenants::join(tenant));
  REQUIRE(Tenants::join(tenant));
  CHECK_FALSE(tenants.leave(tenant));
  CHECK(tenants.find(7) != nullptr);
  CHECK(tenants.leave(tenant));
  CHECK(tenants.find(7) == nullptr);
}

TEST_CASE("a tenant has so many sessions and no more") {
  Tenants tenants;
  Tenant& tenant = *tenants.create({7, 1000, "alice"}, slice(mib));
  for (std::size_t i = 0; i < tenant_sessions_max; ++i) REQUIRE(Tenants::join(tenant));
  CHECK_FALSE(Tenants::join(tenant));
}

TEST_CASE("a seat promises the slice once per tenant and takes the promise back with the last session") {
  DevicePool pool = one_device();
  Seats seats(pool, {});
  const auto first = seats.take({1, 1, "a"}, MilliGpu{300}, 16 * mib);
  const auto second = seats.take({1, 1, "a"}, {}, 0);
  REQUIRE((first.ok() && second.ok()));
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{300});
  seats.leave(first.value());
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  seats.leave(second.value());
  CHECK(pool.devices()[0].memory_promised_bytes == 0);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{0});
  CHECK(seats.taken() == 0);
}

TEST_CASE("a refused seat changes nothing in the books") {
  DevicePool pool = one_device();
  Seats seats(pool, {});
  CHECK_FALSE(seats.take({1, 1, "a"}, {}, 65 * mib).ok());
  CHECK(pool.devices()[0].memory_promised_bytes == 0);
  CHECK(seats.tenants().all().empty());
  CHECK(seats.taken() == 0);
}

TEST_CASE("adopted sessions of one tenant find each other") {
  DevicePool old_pool = one_device();
  Seats old_seats(old_pool, {});
  const Seat first = old_seats.take({1, 1, "a"}, MilliGpu{300}, 16 * mib).take();
  const Seat second = old_seats.take({1, 1, "a"}, {}, 0).take();

  DevicePool pool = one_device();
  Seats seats(pool, {});
  REQUIRE(seats.adopt(record_of(first)).ok());
  REQUIRE(seats.adopt(record_of(second)).ok());
  CHECK(seats.tenants().all().size() == 1);
  CHECK(seats.taken() == 2);
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{300});
}

TEST_CASE("an adopted session with another slice or a missing device is refused") {
  DevicePool old_pool = one_device();
  Seats old_seats(old_pool, {});
  const Seat first = old_seats.take({1, 1, "a"}, {}, mib).take();
  const Seat stranger = old_seats.take({2, 2, "a"}, {}, mib).take();

  DevicePool pool = one_device();
  Seats seats(pool, {});
  REQUIRE(seats.adopt(record_of(first)).ok());
  SessionRecord other_slice = record_of(first);
  other_slice.memory_limit_bytes = 2 * mib;
  CHECK_FALSE(seats.adopt(other_slice).ok());
  SessionRecord no_device = record_of(stranger);
  no_device.device_index = 9;
  CHECK(seats.adopt(no_device).status().code() == Code::not_found);
  CHECK(seats.taken() == 1);
}

TEST_CASE("a user who names no tenant is one under their own name") {
  CHECK(default_tenant_name(0) == "root");
  CHECK(default_tenant_name(3999999999u) == "uid-3999999999");
}

TEST_CASE("a registered tenant is one tenant, whichever users it has") {
  DevicePool pool = one_device();
  Seats seats(pool, {});
  const auto first = seats.take(registered("alice", 100, 8 * mib), 1000, {}, 0);
  const auto second = seats.take(registered("alice", 100, 8 * mib), 1000, {}, 0);
  REQUIRE((first.ok() && second.ok()));
  CHECK(first.value().tenant == second.value().tenant);
  const auto other = seats.take({7, 1000, "alice"}, {}, mib);
  REQUIRE(other.ok());
  CHECK(other.value().tenant != first.value().tenant);
  CHECK(seats.tenants().all().size() == 2);
  CHECK(pool.devices()[0].memory_promised_bytes == 9 * mib);
}

TEST_CASE("new amounts hold for seats that are taken, and for what the device has promised") {
  DevicePool pool = one_device();
  Seats seats(pool, {});
  std::vector<std::uint64_t> told;
  seats.on_terms_changed([&told](const Tenant& tenant) { told.push_back(tenant.slice.memory_bytes); });
  const Seat seat = seats.take(registered("alice", 100, 8 * mib), 1000, {}, 0).take();
  store::TenantRecord more = registered("alice", 300, 16 * mib);
  more.terms.priority_class = arbiter::PriorityClass::latency;
  seats.change(more);
  CHECK(seat.tenant->terms == more.terms);
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{300});
  seats.change(registered("alice", 0, mib));
  seats.change(registered("nobody", 0, mib));
  CHECK(told == std::vector<std::uint64_t>{8 * mib, 16 * mib, mib});
  seats.leave(seat);
  CHECK(pool.devices()[0].memory_promised_bytes == 0);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{0});
}

TEST_CASE("a raise that the device has no room for is refused with what is free") {
  DevicePool pool = one_device();
  Seats seats(pool, {});
  REQUIRE(seats.take(registered("alice", 400, 24 * mib), 1000, {}, 0).ok());
  REQUIRE(seats.take(registered("bob", 400, 24 * mib), 1000, {}, 0).ok());
  const auto may = [&](std::vector<store::TenantRecord> tenants) { return seats.check(tenants); };
  CHECK(may({registered("alice", 600, 40 * mib)}).ok());
  CHECK(may({registered("alice", 400, 40 * mib + 1)}).message() ==
        "tenant alice runs on device 0 (card), which has no room for 16 MiB more: 200m and 16 MiB of memory are free "
        "there");
  CHECK(may({registered("alice", 601, 24 * mib)}).code() == Code::exhausted);
  CHECK(may({registered("alice", 400, 48 * mib), registered("bob", 400, 8 * mib)}).ok());
  CHECK_FALSE(may({registered("alice", 400, 48 * mib), registered("bob", 400, 17 * mib)}).ok());
  CHECK(may({registered("idle", 1000, 1000 * mib)}).ok());
}

TEST_CASE("adopted sessions of a registered tenant get what the registry says now") {
  DevicePool old_pool = one_device();
  Seats old_seats(old_pool, {});
  const Seat first = old_seats.take(registered("alice", 100, 8 * mib), 1000, {}, 0).take();
  const SessionRecord older = record_of(first);
  old_seats.change(registered("alice", 200, 16 * mib));
  const Seat second = old_seats.take(registered("alice", 200, 16 * mib), 1000, {}, 0).take();

  DevicePool pool = one_device();
  Seats seats(pool, {});
  const store::TenantRecord now = registered("alice", 250, 32 * mib);
  REQUIRE(seats.adopt(older, &now).ok());
  const auto adopted = seats.adopt(record_of(second), &now);
  REQUIRE(adopted.ok());
  CHECK(seats.tenants().find(now.id)->sessions() == 2);
  CHECK(pool.devices()[0].memory_promised_bytes == 32 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{250});
  CHECK(adopted.value().tenant->slice.memory_bytes == 32 * mib);
  SessionRecord elsewhere = older;
  elsewhere.device_index = 1;
  CHECK_FALSE(seats.adopt(elsewhere, &now).ok());
}
