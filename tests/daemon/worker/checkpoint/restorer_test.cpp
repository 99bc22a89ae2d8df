// A session goes on in another worker from its checkpoint: two command paths over devices that do nothing.
#include "daemon/worker/checkpoint/restorer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <set>

#include "daemon/worker/checkpoint/writer.h"
#include "tests/daemon/worker/command_rig.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds patience_ns = 10 * ns_per_s;

Checkpoint write(Rig& rig) {
  Checkpoint checkpoint;
  checkpoint.objects = write_objects(rig.path.objects());
  write_progress(rig.path.objects(), rig.path.scheduler(), checkpoint);
  return checkpoint;
}

// Through its bytes, as between two processes.
Status restore(const Checkpoint& written, Rig& rig) {
  const auto read = decode_checkpoint(encode_checkpoint(written));
  REQUIRE(read.ok());
  Restorer restorer = rig.path.restorer();
  SLUICE_TRY(restorer.make(read.value().objects, now_ns() + patience_ns));
  return restorer.go_on(read.value());
}

// In no order: programs are made first.
std::multiset<std::vector<std::byte>> commands_of(const Checkpoint& checkpoint) {
  std::multiset<std::vector<std::byte>> commands;
  for (const CheckpointObject& object : checkpoint.objects) commands.insert(object.command);
  return commands;
}

// The other worker has mapped the same arena.
void move(Rig& from, Rig& to) {
  const Checkpoint checkpoint = write(from);
  std::memcpy(to.at(0), from.at(0), arena_bytes);
  to.next_id = from.next_id;
  to.timeline_at = from.timeline_at;
  const Status restored = restore(checkpoint, to);
  INFO(restored.to_string());
  REQUIRE(restored.ok());
}

wire::EventSlot& unset(Rig& rig, std::uint64_t at) {
  auto& slot = rig.slot<wire::EventSlot>(at);
  slot.stage = static_cast<int>(wire::EventStage::queued);
  return slot;
}

// A write to the buffer with an event, which waits for another.
ObjectId post_write(Rig& rig, ObjectId queue, std::uint64_t sequence, ObjectId buffer, std::uint64_t event_at,
                    ObjectId waits_for = 0) {
  auto write = rig.to<wire::BufferWrite>(queue, sequence);
  write.buffer = buffer;
  write.bytes = 8;
  write.enqueue.event = rig.next_id++;
  write.enqueue.event_at = event_at;
  unset(rig, event_at);
  write.enqueue.wait_count = waits_for != 0 ? 1 : 0;
  REQUIRE(
      rig.send(write, waits_for != 0 ? std::as_bytes(std::span(&waits_for, 1)) : std::span<const std::byte>()).ok());
  return write.enqueue.event;
}

ObjectId user_event(Rig& rig) {
  wire::UserEventCreate create;
  create.id = rig.next_id++;
  REQUIRE(rig.send(create).ok());
  return create.id;
}

Status set(Rig& rig, ObjectId event, bool failed = false) {
  wire::UserEventSet set;
  set.id = event;
  set.failed = failed ? 1 : 0;
  return rig.send(set);
}

Status release(Rig& rig, ObjectId id) {
  wire::ObjectRelease gone;
  gone.id = id;
  return rig.send(gone);
}

TEST_CASE("a queue goes on where it was") {
  Rig source, target;
  const ObjectId buffer = source.buffer(), queue = source.queue();
  const std::uint64_t slot = source.next_slot();
  post_write(source, queue, 1, buffer, slot);
  source.device.complete(0);
  REQUIRE(source.timeline().completed == 1);
  move(source, target);
  CHECK(target.device.commands.empty());
  post_write(target, queue, 2, buffer, slot);
  REQUIRE(target.device.commands.size() == 1);
  CHECK(target.timeline().completed == 1);
  target.device.complete(0);
  CHECK(target.timeline().completed == 2);
  CHECK(target.slot<wire::EventSlot>(slot).stage == 0);
  CHECK(target.completions.at_rest(0));
}

TEST_CASE("commands that wait for an unset user event wait on, in order, and end once") {
  Rig source, target;
  const ObjectId buffer = source.buffer(), queue = source.queue(), gate = user_event(source);
  const std::uint64_t first = source.next_slot(), second = source.next_slot();
  const ObjectId first_event = post_write(source, queue, 1, buffer, first, gate);
  post_write(source, queue, 2, buffer, second, first_event);
  REQUIRE(release(source, buffer).ok());  // held back with them
  CHECK(source.path.scheduler().held_started() == 2);
  move(source, target);
  CHECK(target.path.scheduler().held_started() == 2);
  CHECK(target.device.commands.empty());
  REQUIRE(set(target, gate).ok());
  REQUIRE(target.device.commands.size() == 2);
  CHECK(target.slot<wire::EventSlot>(second).stage != 0);
  target.device.complete(0);
  target.device.complete(1);
  CHECK(target.slot<wire::EventSlot>(first).stage == 0);
  CHECK(target.slot<wire::EventSlot>(second).stage == 0);
  CHECK(target.timeline().completed == 2);
  CHECK(target.path.objects().find_any(buffer) == nullptr);
}

TEST_CASE("a user event that was set before the move counts as set after it") {
  for (const bool failed : {false, true}) {
    Rig source, target;
    const ObjectId buffer = source.buffer(), queue = source.queue(), gate = user_event(source);
    REQUIRE(set(source, gate, failed).ok());
    move(source, target);
    CHECK(std::count(target.device.calls.begin(), target.device.calls.end(),
                     failed ? "user event failed" : "user event") == 1);
    post_write(target, queue, 1, buffer, target.next_slot(), gate);
    CHECK(target.path.scheduler().held().empty());
  }
}

TEST_CASE("a command waits for one that ended elsewhere, and fails with it") {
  Rig source, target;
  const ObjectId buffer = source.buffer(), queue = source.queue();
  const std::uint64_t slots[] = {source.next_slot(), source.next_slot(), source.next_slot(), source.next_slot()};
  const ObjectId good = post_write(source, queue, 1, buffer, slots[0]);
  source.device.complete(0);
  const ObjectId bad = post_write(source, queue, 2, 12'345, slots[1]);  // no such buffer
  REQUIRE(source.slot<wire::EventSlot>(slots[1]).stage < 0);
  move(source, target);
  post_write(target, queue, 3, buffer, slots[2], good);
  post_write(target, queue, 4, buffer, slots[3], bad);
  REQUIRE(target.device.commands.size() == 1);
  CHECK(target.device.commands[0].waits == 0);  // the driver never knew it
  target.device.complete(0);
  CHECK(target.slot<wire::EventSlot>(slots[2]).stage == 0);
  CHECK(target.slot<wire::EventSlot>(slots[3]).stage == static_cast<int>(Outcome::wait_list_failed));
}

TEST_CASE("an out-of-order queue moves with holes in it") {
  Rig source, target;
  const ObjectId buffer = source.buffer(), queue = source.queue(true), gate = user_event(source);
  std::vector<std::uint64_t> slots;
  for (int i = 0; i < 6; ++i) slots.push_back(source.next_slot());
  post_write(source, queue, 1, buffer, slots[0]);
  post_write(source, queue, 2, buffer, slots[1], gate);
  post_write(source, queue, 3, buffer, slots[2]);
  post_write(source, queue, 4, buffer, slots[3], gate);
  post_write(source, queue, 5, buffer, slots[4]);
  for (std::size_t i = 0; i < 3; ++i) source.device.complete(i);
  CHECK(source.timeline().completed == 3);
  CHECK(source.completions.at_rest(2));
  move(source, target);
  CHECK(target.completions.at_rest(2));
  post_write(target, queue, 6, buffer, slots[5]);
  target.device.complete(0);
  CHECK(target.timeline().completed == 4);
  REQUIRE(set(target, gate).ok());
  target.device.complete(1);
  target.device.complete(2);
  CHECK(target.timeline().completed == 6);
  for (const std::uint64_t at : {slots[1], slots[3], slots[5]}) CHECK(target.slot<wire::EventSlot>(at).stage == 0);
  CHECK(target.completions.in_flight() == 0);
}

TEST_CASE("objects move with what they are made from, though the program has released that") {
  Rig source, target;
  const ObjectId buffer = source.buffer(), program = source.program();
  wire::KernelCreate kernel;
  kernel.program = program;
  kernel.id = source.next_id++;
  REQUIRE(source.send(kernel).ok());
  wire::SubBufferCreate part;
  part.id = source.next_id++;
  part.parent = buffer;
  part.origin = 0, part.bytes = 64, part.access = wire::device_reads;
  REQUIRE(source.send(part).ok());
  REQUIRE(release(source, program).ok());
  REQUIRE(release(source, buffer).ok());
  move(source, target);
  CHECK(target.path.objects().size() == 2);
  CHECK(target.path.objects().find_any(kernel.id) != nullptr);
  CHECK(target.path.objects().find_any(part.id) != nullptr);
  CHECK(target.memory.held() == source.memory.held());
  CHECK(commands_of(write(target)) == commands_of(write(source)));
}

TEST_CASE("what is made before the switch is kept, and what is gone by then is let go") {
  Rig source, target;
  const ObjectId early = source.buffer(), kept = source.buffer();
  Restorer restorer = target.path.restorer();
  REQUIRE(restorer.make(write_objects(source.path.objects()), now_ns() + patience_ns).ok());
  const std::size_t calls = target.device.calls.size();
  REQUIRE(release(source, early).ok());
  const ObjectId late = source.buffer();
  REQUIRE(restorer.make(write_objects(source.path.objects()), now_ns() + patience_ns).ok());
  CHECK(target.device.calls.size() == calls + 1);
  CHECK(target.path.objects().find_any(early) == nullptr);
  CHECK(target.path.objects().find_any(kept) != nullptr);
  CHECK(target.path.objects().find_any(late) != nullptr);
}

TEST_CASE("what the target cannot make, it names") {
  Rig source, target;
  source.buffer();
  const Checkpoint checkpoint = write(source);
  target.device.answer = Outcome::out_of_resources;
  const Status refused = restore(checkpoint, target);
  CHECK(refused.code() == Code::unsupported);
  CHECK_THAT(refused.message(), Catch::Contains("buffer 1 cannot be made here"));
}

TEST_CASE("a checkpoint that no worker would write is refused") {
  Rig source;
  const ObjectId buffer = source.buffer(), queue = source.queue(), gate = user_event(source);
  const ObjectId event = post_write(source, queue, 1, buffer, source.next_slot(), gate);
  const Checkpoint sound = write(source);
  const auto refuses = [&](auto change) {
    Checkpoint checkpoint = sound;
    change(checkpoint);
    Rig target;
    return is_fault(restore(checkpoint, target));
  };
  CHECK(refuses([](Checkpoint& c) { c.objects[0].command = c.held[0].command; }));
  CHECK(refuses([](Checkpoint& c) { c.objects[0].command.resize(8); }));
  CHECK(refuses([](Checkpoint& c) { c.queues[0].id = 999; }));
  CHECK(refuses([](Checkpoint& c) { c.queues[0].ended = 2; }));
  CHECK(refuses([](Checkpoint& c) {
    c.queues.push_back(c.queues[0]);
    c.queues[0].ended = 1;
  }));
  CHECK(refuses([](Checkpoint& c) { c.queues[0].ended = c.queues[0].begun = 5; }));  // its command has another number
  CHECK(refuses([&](Checkpoint& c) { c.events.push_back({event, Outcome::ok}); }));
  CHECK(refuses([](Checkpoint& c) { c.held.push_back(c.held[0]); }));
  CHECK(refuses([](Checkpoint& c) { c.held[0].command = c.objects[0].command; }));
}

}  // namespace
}  // namespace sluice::worker
