#include "daemon/worker/object_table.h"

#include <catch2/catch.hpp>

namespace sluice::worker {
namespace {

TEST_CASE("an id finds its object by kind, and nothing by another kind") {
  ObjectTable table;
  REQUIRE(table.insert(7, SamplerEntry{Outcome::ok, std::make_unique<backend::Sampler>()}) != nullptr);
  CHECK(table.find<SamplerEntry>(7) != nullptr);
  CHECK(table.find<MemoryEntry>(7) == nullptr);
  CHECK(table.find<SamplerEntry>(8) == nullptr);
  CHECK(table.find_any(7) != nullptr);
}

TEST_CASE("id 0 and an id that is held are refused, and the first object stays") {
  ObjectTable table;
  CHECK(table.insert(0, KernelEntry{}) == nullptr);
  REQUIRE(table.insert(3, KernelEntry{Outcome::kernel_not_found, nullptr}) != nullptr);
  CHECK(table.insert(3, KernelEntry{}) == nullptr);
  CHECK(table.insert(3, SamplerEntry{}) == nullptr);
  CHECK(table.find<KernelEntry>(3)->outcome == Outcome::kernel_not_found);
}

TEST_CASE("an entry keeps its place while others come and go") {
  ObjectTable table;
  const KernelEntry* entry = table.insert(1, KernelEntry{});
  for (ObjectId id = 2; id < 5000; ++id) table.insert(id * 0x9E3779B97F4A7C15u, KernelEntry{});
  for (ObjectId id = 2; id < 2500; ++id) table.erase(id * 0x9E3779B97F4A7C15u);
  CHECK(table.find<KernelEntry>(1) == entry);
  CHECK(table.size() == 2501);
}

TEST_CASE("the largest id is an id like any other") {
  ObjectTable table;
  CHECK(table.insert(UINT64_MAX, KernelEntry{}) != nullptr);
  table.erase(UINT64_MAX);
  CHECK(table.find_any(UINT64_MAX) == nullptr);
}

TEST_CASE("a program that is still being built is not there yet") {
  ObjectTable table;
  auto* entry = table.insert(1, ProgramEntry{});
  entry->slot->program = std::make_unique<backend::Program>();
  CHECK(entry->program() == nullptr);
  entry->slot->built = true;
  CHECK(entry->program() != nullptr);
}

TEST_CASE("objects take what their kind and their record need of the budget, and give it back") {
  const wire::BufferCreate create;
  ObjectTable table(3 * (host_bytes[entry_index<MemoryEntry>()] + CreationRecord::host_bytes));
  for (ObjectId id = 1; id <= 3; ++id) {
    CHECK(table.has_room<MemoryEntry>());
    REQUIRE(table.insert(id, MemoryEntry{}, {create}) != nullptr);
  }
  CHECK_FALSE(table.has_room<MemoryEntry>());
  CHECK(table.insert(4, MemoryEntry{}, {create}) == nullptr);
  CHECK(table.insert(4, EventEntry{}) == nullptr);
  CHECK(table.insert(3, MemoryEntry{}, {create}) == nullptr);
  table.erase(2);
  table.erase(2);
  CHECK(table.insert(4, MemoryEntry{}, {create}) != nullptr);
}

TEST_CASE("a record counts for as long as an object that is made from it lives") {
  ObjectTable table;
  table.insert(1, ProgramEntry{}, {wire::ProgramBuild{}});
  table.insert(2, KernelEntry{}, {wire::KernelCreate{}, {table.record(1)}});
  table.erase(1);
  CHECK(table.record(1) == nullptr);
  CHECK(table.bytes() == host_bytes[entry_index<KernelEntry>()] + 2 * CreationRecord::host_bytes + sizeof(RecordRef));
  REQUIRE(table.record(2)->made_from().size() == 1);
  CHECK(table.record(2)->made_from()[0]->id() == 1);
  table.erase(2);
  CHECK(table.bytes() == 0);
}

TEST_CASE("a long chain of objects, each made from the one before, goes at once") {
  ObjectTable table;
  table.insert(1, SamplerEntry{}, {wire::SamplerCreate{}});
  constexpr ObjectId last = 300'000;
  for (ObjectId id = 2; id <= last; ++id) {
    REQUIRE(table.insert(id, SamplerEntry{}, {wire::SamplerCreate{}, {table.record(id - 1)}}) != nullptr);
    table.erase(id - 1);
  }
  CHECK(table.bytes() > last * CreationRecord::host_bytes);
  table.erase(last);
  CHECK(table.bytes() == 0);
}

TEST_CASE("events of commands have no record") {
  ObjectTable table;
  table.insert(1, EventEntry{});
  CHECK(table.record(1) == nullptr);
  CHECK(table.bytes() == host_bytes[entry_index<EventEntry>()]);
}

TEST_CASE("a million objects need more than there is for them") {
  ObjectTable table;
  ObjectId id = 1;
  while (id <= 1'000'000 && table.insert(id, EventEntry{}) != nullptr) ++id;
  CHECK(id < 1'000'000);
  CHECK(id > 500'000);
}

}  // namespace
}  // namespace sluice::worker
