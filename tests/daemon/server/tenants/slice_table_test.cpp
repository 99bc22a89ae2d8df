#include "daemon/server/tenants/slice_table.h"

#include <catch2/catch.hpp>

#include "daemon/server/tenants/tenants.h"

using namespace sluice;
using namespace sluice::server;

namespace {

constexpr std::uint64_t mib = 1ull << 20;

TenantSlice slice(std::uint64_t memory) { return {site_on(0), MilliGpu{100}, memory}; }

DevicePool one_device() {
  wire::DeviceTraits traits;
  traits.name = "card";
  traits.global_memory_bytes = 64 * mib;
  return DevicePool(split_into_cards({traits}, {}, {}).take(), {}, 1ull << 40);
}

SessionRecord record_of(const SliceUse& use) {
  SessionRecord record;
  record.tenant_id = use.tenant->key.id;
  record.client_uid = use.tenant->key.uid;
  wire::set_text(record.tenant, use.tenant->key.name);
  record.limits.memory_bytes = use.tenant->slice.memory_bytes;
  record.limits.gpu_milli = use.tenant->slice.gpu.value;
  record.bindings = {{use.tenant->slice.device(), 1}};
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

TEST_CASE("a device promises a slice once per tenant until the tenant's last session releases it") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  const auto first = slices.admit({1, 1, "a"}, MilliGpu{300}, 16 * mib);
  const auto second = slices.admit({1, 1, "a"}, {}, 0);
  REQUIRE((first.ok() && second.ok()));
  CHECK(pool.promised(0).memory_bytes == 16 * mib);
  CHECK(pool.promised(0).gpu == MilliGpu{300});
  slices.release(first.value());
  CHECK(pool.promised(0).memory_bytes == 16 * mib);
  slices.release(second.value());
  CHECK(pool.promised(0).memory_bytes == 0);
  CHECK(pool.promised(0).gpu == MilliGpu{0});
  CHECK(slices.taken() == 0);
}

TEST_CASE("a refused session changes nothing in the books") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  CHECK_FALSE(slices.admit({1, 1, "a"}, {}, 65 * mib).ok());
  CHECK(pool.promised(0).memory_bytes == 0);
  CHECK(slices.tenants().all().empty());
  CHECK(slices.taken() == 0);
}

TEST_CASE("a new slice never exceeds what is free, and its refusal says why and what would fit") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  REQUIRE(slices.admit({1, 1, "a"}, MilliGpu{400}, 32 * mib).ok());
  const auto refused = [&](MilliGpu gpu, std::uint64_t memory) {
    return slices.admit({2, 2, "b"}, gpu, memory).status();
  };
  CHECK(refused(MilliGpu{601}, mib).code() == Code::exhausted);
  CHECK(refused(MilliGpu{601}, mib).message() ==
        "no device has room now for 601m and 1 MiB of memory; the nearest is device 0 (card) with 600m and 32 MiB of "
        "memory free, where 600m and 1 MiB of memory would fit");
  CHECK(refused({}, 32 * mib + 1).code() == Code::exhausted);
  CHECK(refused({}, 65 * mib).code() == Code::invalid_argument);
  store::TenantRecord large = registered("carol", 100, 33 * mib);
  CHECK(slices.admit(large, 3, {}, 0).status().code() == Code::exhausted);
  large.memory_bytes = 65 * mib;
  CHECK(slices.admit(large, 3, {}, 0).status().code() == Code::invalid_argument);
  CHECK(slices.admit({2, 2, "b"}, MilliGpu{600}, 32 * mib).ok());
}

TEST_CASE("a pool without devices, or with none that is enabled, is refused as such") {
  DevicePool none;
  SliceTable empty(none, {});
  CHECK(empty.admit({1, 1, "a"}, {}, mib).status().code() == Code::unavailable);
  DeviceRule off;
  off.index = 0;
  off.enabled = false;
  wire::DeviceTraits traits;
  traits.global_memory_bytes = 64 * mib;
  DevicePool disabled(split_into_cards({traits}, {}, {}).take(), {off}, 1ull << 40);
  SliceTable slices(disabled, {});
  CHECK(slices.admit({1, 1, "a"}, {}, mib).status().code() == Code::unavailable);
  SessionRecord record;
  record.bindings = {{0, 1}};
  record.limits.memory_bytes = mib;
  REQUIRE(slices.adopt(record).ok());
  CHECK(disabled.promised(0).memory_bytes == mib);
}

TEST_CASE("without a size, memory is an eighth of the device's, and no more than a tenant may have") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  CHECK(slices.admit({1, 1, "a"}, {}, 0).value().tenant->slice.memory_bytes == 8 * mib);
  AdmissionRules rules;
  rules.memory_max_bytes = mib;
  DevicePool other = one_device();
  SliceTable limited(other, rules);
  CHECK(limited.admit({1, 1, "a"}, {}, 0).value().tenant->slice.memory_bytes == mib);
  CHECK(other.promised(0).memory_bytes == mib);
}

TEST_CASE("another session of a live tenant shares its slice, even when the pool is full") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  REQUIRE(slices.admit({1, 1, "a"}, whole_gpu, 64 * mib).ok());
  CHECK(slices.admit({1, 1, "a"}, {}, 0).ok());
  CHECK(slices.admit({2, 2, "b"}, {}, mib).status().code() == Code::exhausted);
}

TEST_CASE("an adopted session with a slice that no daemon gives is refused") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  SessionRecord record;
  record.bindings = {{0, 1}};
  record.limits.gpu_milli = 1001;
  CHECK(slices.adopt(record).status().code() == Code::invalid_argument);
  record.limits.gpu_milli = 1000;
  record.limits.memory_bytes = ~0ull;
  CHECK(slices.adopt(record).status().code() == Code::invalid_argument);
  CHECK(slices.tenants().all().empty());
}

TEST_CASE("what an earlier daemon promised is honoured where it is more than there is") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  REQUIRE(slices.admit({1, 1, "a"}, MilliGpu{800}, 60 * mib).ok());
  SessionRecord record;
  record.bindings = {{0, 1}};
  record.tenant_id = 2;
  record.limits.gpu_milli = 500;
  record.limits.memory_bytes = 32 * mib;
  const auto adopted = slices.adopt(record);
  REQUIRE(adopted.ok());
  CHECK(pool.promised(0).gpu == MilliGpu{1300});
  CHECK(slices.admit({3, 3, "c"}, {}, mib).status().code() == Code::exhausted);
  slices.release(adopted.value());
  CHECK(pool.promised(0).gpu == MilliGpu{800});
  CHECK(slices.admit({3, 3, "c"}, {}, 4 * mib).ok());
}

TEST_CASE("adopted sessions of one tenant find each other") {
  DevicePool old_pool = one_device();
  SliceTable old_slices(old_pool, {});
  const SliceUse first = old_slices.admit({1, 1, "a"}, MilliGpu{300}, 16 * mib).take();
  const SliceUse second = old_slices.admit({1, 1, "a"}, {}, 0).take();

  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  REQUIRE(slices.adopt(record_of(first)).ok());
  REQUIRE(slices.adopt(record_of(second)).ok());
  CHECK(slices.tenants().all().size() == 1);
  CHECK(slices.taken() == 2);
  CHECK(pool.promised(0).memory_bytes == 16 * mib);
  CHECK(pool.promised(0).gpu == MilliGpu{300});
}

TEST_CASE("an adopted session with another slice or a missing device is refused") {
  DevicePool old_pool = one_device();
  SliceTable old_slices(old_pool, {});
  const SliceUse first = old_slices.admit({1, 1, "a"}, {}, mib).take();
  const SliceUse stranger = old_slices.admit({2, 2, "a"}, {}, mib).take();

  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  REQUIRE(slices.adopt(record_of(first)).ok());
  SessionRecord other_slice = record_of(first);
  other_slice.limits.memory_bytes = 2 * mib;
  CHECK_FALSE(slices.adopt(other_slice).ok());
  SessionRecord no_device = record_of(stranger);
  no_device.bindings.front().device = 9;
  CHECK(slices.adopt(no_device).status().code() == Code::not_found);
  CHECK(slices.taken() == 1);
}

// ---- moves ----

namespace {

DevicePool three_devices() {
  wire::DeviceTraits traits;
  traits.name = "card";
  traits.global_memory_bytes = 64 * mib;
  return DevicePool(split_into_cards({traits, traits, traits}, {}, {}).take(), {}, 1ull << 40);
}

struct MovingSlice {
  DevicePool pool = three_devices();
  SliceTable slices{pool, {}};
  SliceUse first = slices.admit({1, 1, "a"}, MilliGpu{300}, 16 * mib).take();
  SliceUse second = slices.admit({1, 1, "a"}, {}, 0).take();
  std::uint32_t from = first.device;
  std::uint32_t to = from == 0 ? 1 : 0, third = 3 - from - to;

  std::uint64_t booking = 0;

  void begin_move() {
    auto begun = slices.begin_move(*first.tenant, from, to);
    REQUIRE(begun.ok());
    booking = begun.value();
  }
  std::uint64_t booked(std::uint32_t device) const { return pool.promised(device).memory_bytes; }
};

}  // namespace

TEST_CASE("a slice that moves is booked on both devices until its last session has moved") {
  MovingSlice rig;
  rig.begin_move();
  CHECK(rig.booked(rig.from) == 16 * mib);
  CHECK(rig.booked(rig.to) == 16 * mib);
  CHECK(rig.slices.check_move(*rig.first.tenant, rig.from, rig.third).code() == Code::invalid_argument);
  rig.slices.move(rig.first, rig.to);
  CHECK(rig.slices.admit({1, 1, "a"}, {}, 0).value().device == rig.to);
  rig.slices.move(rig.second, rig.to);
  CHECK(rig.booked(rig.from) == 16 * mib);
  rig.slices.end_move(1, rig.booking);
  CHECK(rig.booked(rig.from) == 0);
  CHECK(rig.booked(rig.to) == 16 * mib);
  CHECK(rig.first.tenant->slice.device() == rig.to);
}

TEST_CASE("a move without a session that moved leaves no booking") {
  MovingSlice rig;
  rig.begin_move();
  rig.slices.end_move(1, rig.booking);
  CHECK(rig.booked(rig.to) == 0);
  CHECK(rig.booked(rig.from) == 16 * mib);
}

TEST_CASE("a slice on two devices is on one as soon as its sessions are, and is moved to no third") {
  MovingSlice rig;
  rig.begin_move();
  rig.slices.move(rig.first, rig.to);
  rig.slices.end_move(1, rig.booking);
  CHECK(rig.booked(rig.from) == 16 * mib);
  CHECK(rig.booked(rig.to) == 16 * mib);
  CHECK(rig.slices.check_move(*rig.first.tenant, rig.from, rig.third).code() == Code::invalid_argument);
  SECTION("the moved one ends") {
    rig.slices.release(rig.first);
    CHECK(rig.booked(rig.to) == 0);
    CHECK(rig.booked(rig.from) == 16 * mib);
    CHECK(rig.second.tenant->slice.device() == rig.from);
  }
  SECTION("the other one ends") {
    rig.slices.release(rig.second);
    CHECK(rig.booked(rig.from) == 0);
    CHECK(rig.booked(rig.to) == 16 * mib);
  }
  SECTION("both end") {
    rig.slices.release(rig.second);
    rig.slices.release(rig.first);
    CHECK(rig.booked(rig.from) + rig.booked(rig.to) == 0);
  }
  SECTION("the other one follows") {
    rig.begin_move();
    rig.slices.move(rig.second, rig.to);
    rig.slices.end_move(1, rig.booking);
    CHECK(rig.booked(rig.from) == 0);
  }
}

TEST_CASE("a tenant whose last session ends while its slice moves leaves no booking") {
  MovingSlice rig;
  rig.begin_move();
  rig.slices.release(rig.first);
  rig.slices.release(rig.second);
  rig.slices.end_move(1, rig.booking);
  CHECK(rig.booked(rig.from) + rig.booked(rig.to) == 0);
}

TEST_CASE("the end of a move is not that of the move of a tenant that came back") {
  MovingSlice rig;
  rig.begin_move();
  const std::uint64_t before = rig.booking;
  rig.slices.release(rig.first);
  rig.slices.release(rig.second);
  rig.first = rig.slices.admit({1, 1, "a"}, MilliGpu{300}, 16 * mib).take();
  CHECK_FALSE(rig.slices.is_moving(1, before));
  rig.from = rig.first.device;
  rig.to = rig.third;
  rig.begin_move();
  rig.slices.end_move(1, before);
  CHECK(rig.slices.is_moving(1, rig.booking));
  CHECK(rig.booked(rig.to) == 16 * mib);
  rig.slices.end_move(1, rig.booking);
  CHECK(rig.booked(rig.to) == 0);
}

TEST_CASE("a device without room for a slice takes none of it") {
  MovingSlice rig;
  REQUIRE(rig.slices.admit({2, 2, "b"}, {}, 60 * mib).ok());
  const std::uint32_t full = rig.booked(rig.to) > 0 ? rig.to : rig.third;
  const Status refused = rig.slices.begin_move(*rig.first.tenant, rig.from, full).status();
  CHECK(refused.code() == Code::exhausted);
  CHECK(refused.message() == "device " + std::to_string(full) +
                                 " has no room for tenant a's slice: it is 300m and 16 MiB of memory, and 1000m and "
                                 "4 MiB of memory are free there");
}

TEST_CASE("new amounts hold on both devices of a slice that moves") {
  MovingSlice rig;
  const SliceUse carol = rig.slices.admit(registered("carol", 100, 8 * mib), 3, {}, 0).take();
  const std::uint32_t other = carol.device == rig.third ? rig.to : rig.third;
  store::TenantRecord larger = registered("carol", 200, 12 * mib);
  larger.id = carol.tenant->key.id;
  if (carol.tenant->key.id >> 63 != 0) return;  // no registry gives such an id
  REQUIRE(rig.slices.begin_move(*carol.tenant, carol.device, other).ok());
  const std::uint64_t beside = rig.booked(other) - 8 * mib;
  CHECK(rig.slices.check(std::vector{larger}).ok());
  rig.slices.change(larger);
  CHECK(rig.booked(other) - beside == 12 * mib);
}

TEST_CASE("a user who names no tenant is one under their own name") {
  CHECK(default_tenant_name(0) == "root");
  CHECK(default_tenant_name(3999999999u) == "uid-3999999999");
}

TEST_CASE("a registered tenant is one tenant, whichever users it has") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  const auto first = slices.admit(registered("alice", 100, 8 * mib), 1000, {}, 0);
  const auto second = slices.admit(registered("alice", 100, 8 * mib), 1000, {}, 0);
  REQUIRE((first.ok() && second.ok()));
  CHECK(first.value().tenant == second.value().tenant);
  const auto other = slices.admit({7, 1000, "alice"}, {}, mib);
  REQUIRE(other.ok());
  CHECK(other.value().tenant != first.value().tenant);
  CHECK(slices.tenants().all().size() == 2);
  CHECK(pool.promised(0).memory_bytes == 9 * mib);
}

TEST_CASE("new amounts hold for sessions that run, and for what the device has promised") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  std::vector<std::uint64_t> told;
  slices.terms_changed.connect([&told](const Tenant& tenant) { told.push_back(tenant.slice.memory_bytes); });
  const SliceUse use = slices.admit(registered("alice", 100, 8 * mib), 1000, {}, 0).take();
  store::TenantRecord more = registered("alice", 300, 16 * mib);
  more.terms.priority_class = arbiter::PriorityClass::latency;
  slices.change(more);
  CHECK(use.tenant->terms == more.terms);
  CHECK(pool.promised(0).memory_bytes == 16 * mib);
  CHECK(pool.promised(0).gpu == MilliGpu{300});
  slices.change(registered("alice", 0, mib));
  slices.change(registered("nobody", 0, mib));
  CHECK(told == std::vector<std::uint64_t>{8 * mib, 16 * mib, mib});
  slices.release(use);
  CHECK(pool.promised(0).memory_bytes == 0);
  CHECK(pool.promised(0).gpu == MilliGpu{0});
}

TEST_CASE("a raise that the device has no room for is refused with what is free") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  REQUIRE(slices.admit(registered("alice", 400, 24 * mib), 1000, {}, 0).ok());
  REQUIRE(slices.admit(registered("bob", 400, 24 * mib), 1000, {}, 0).ok());
  const auto may = [&](std::vector<store::TenantRecord> tenants) { return slices.check(tenants); };
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
  SliceTable old_slices(old_pool, {});
  const SliceUse first = old_slices.admit(registered("alice", 100, 8 * mib), 1000, {}, 0).take();
  const SessionRecord older = record_of(first);
  old_slices.change(registered("alice", 200, 16 * mib));
  const SliceUse second = old_slices.admit(registered("alice", 200, 16 * mib), 1000, {}, 0).take();

  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  const store::TenantRecord now = registered("alice", 250, 32 * mib);
  REQUIRE(slices.adopt(older, &now).ok());
  const auto adopted = slices.adopt(record_of(second), &now);
  REQUIRE(adopted.ok());
  CHECK(slices.tenants().find(now.id)->sessions() == 2);
  CHECK(pool.promised(0).memory_bytes == 32 * mib);
  CHECK(pool.promised(0).gpu == MilliGpu{250});
  CHECK(adopted.value().tenant->slice.memory_bytes == 32 * mib);
  SessionRecord elsewhere = older;
  elsewhere.bindings.front().device = 1;
  CHECK_FALSE(slices.adopt(elsewhere, &now).ok());
}
