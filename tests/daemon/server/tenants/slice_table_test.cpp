#include "daemon/server/tenants/slice_table.h"

#include <catch2/catch.hpp>

#include "daemon/server/tenants/tenants.h"

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

SessionRecord record_of(const SliceUse& use) {
  SessionRecord record;
  record.tenant_id = use.tenant->key.id;
  record.client_uid = use.tenant->key.uid;
  wire::set_text(record.tenant, use.tenant->key.name);
  record.memory_limit_bytes = use.tenant->slice.memory_bytes;
  record.gpu_milli = use.tenant->slice.gpu.value;
  record.device_index = use.tenant->slice.device;
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
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{300});
  slices.release(first.value());
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  slices.release(second.value());
  CHECK(pool.devices()[0].memory_promised_bytes == 0);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{0});
  CHECK(slices.taken() == 0);
}

TEST_CASE("a refused session changes nothing in the books") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  CHECK_FALSE(slices.admit({1, 1, "a"}, {}, 65 * mib).ok());
  CHECK(pool.devices()[0].memory_promised_bytes == 0);
  CHECK(slices.tenants().all().empty());
  CHECK(slices.taken() == 0);
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
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{300});
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
  other_slice.memory_limit_bytes = 2 * mib;
  CHECK_FALSE(slices.adopt(other_slice).ok());
  SessionRecord no_device = record_of(stranger);
  no_device.device_index = 9;
  CHECK(slices.adopt(no_device).status().code() == Code::not_found);
  CHECK(slices.taken() == 1);
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
  CHECK(pool.devices()[0].memory_promised_bytes == 9 * mib);
}

TEST_CASE("new amounts hold for sessions that run, and for what the device has promised") {
  DevicePool pool = one_device();
  SliceTable slices(pool, {});
  std::vector<std::uint64_t> told;
  slices.on_terms_changed([&told](const Tenant& tenant) { told.push_back(tenant.slice.memory_bytes); });
  const SliceUse use = slices.admit(registered("alice", 100, 8 * mib), 1000, {}, 0).take();
  store::TenantRecord more = registered("alice", 300, 16 * mib);
  more.terms.priority_class = arbiter::PriorityClass::latency;
  slices.change(more);
  CHECK(use.tenant->terms == more.terms);
  CHECK(pool.devices()[0].memory_promised_bytes == 16 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{300});
  slices.change(registered("alice", 0, mib));
  slices.change(registered("nobody", 0, mib));
  CHECK(told == std::vector<std::uint64_t>{8 * mib, 16 * mib, mib});
  slices.release(use);
  CHECK(pool.devices()[0].memory_promised_bytes == 0);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{0});
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
  CHECK(pool.devices()[0].memory_promised_bytes == 32 * mib);
  CHECK(pool.devices()[0].gpu_promised == MilliGpu{250});
  CHECK(adopted.value().tenant->slice.memory_bytes == 32 * mib);
  SessionRecord elsewhere = older;
  elsewhere.device_index = 1;
  CHECK_FALSE(slices.adopt(elsewhere, &now).ok());
}
