// Commands that do not go to the device at once: what they wait for, and in which order they go.
#include "scheduler_rig.h"

namespace sluice::worker {
namespace {

TEST_CASE("with a shut gate commands are held, and go in order once it opens") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  for (int i = 0; i < 5; ++i) rig.marker(queue);
  CHECK(rig.device.commands.empty());
  CHECK(rig.open.grantor.wants());
  rig.unshut();
  CHECK(rig.submitted() == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("what comes while others are held goes behind them") {
  SchedulerRig rig;
  const ObjectId first = rig.queue(), second = rig.queue();
  rig.shut();
  const ObjectId event = rig.marker(first);
  rig.open.grantor.grant({});  // and nobody has pumped yet
  rig.marker(second, {event});
  REQUIRE(rig.device.commands.size() == 2);
  CHECK(rig.device.commands[0].with_event);
  CHECK(rig.device.commands[1].waits == 1);
}

TEST_CASE("a command behind an unset user event is not given to the device; independent ones are") {
  SchedulerRig rig;
  const ObjectId held = rig.queue(), other = rig.queue(), loose = rig.queue(true);
  const ObjectId user = rig.user_event();
  rig.marker(held, {user});
  rig.marker(held);  // in order: behind the first
  const ObjectId kernel = rig.kernel();
  rig.launch(loose, kernel, 1, {user});
  CHECK(rig.device.commands.empty());
  rig.marker(other);
  rig.launch(loose, kernel);
  REQUIRE(rig.device.commands.size() == 2);
  CHECK(rig.device.commands[1].verb == "launch");
  rig.set(user);
  REQUIRE(rig.device.commands.size() == 5);
  CHECK(rig.submitted() == std::vector<std::uint64_t>{1, 2, 1, 2, 1});
}

TEST_CASE("whoever waits for a command that is held is held, too, at any remove") {
  SchedulerRig rig;
  const ObjectId a = rig.queue(), b = rig.queue(), c = rig.queue(true);
  const ObjectId user = rig.user_event();
  const ObjectId first = rig.marker(a, {user});
  const ObjectId second = rig.marker(b, {first});
  rig.marker(c, {second});
  CHECK(rig.device.commands.empty());
  rig.set(user);
  CHECK(rig.device.commands.size() == 3);
  for (const auto& command : rig.device.commands) CHECK(command.waits == 1);
}

TEST_CASE("two user events: what waits for both goes with the second, in whichever order they are set") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(true);
  const ObjectId kernel = rig.kernel();
  const ObjectId one = rig.user_event(), two = rig.user_event();
  rig.launch(queue, kernel, 1, {one, two});
  rig.launch(queue, kernel, 1, {two});
  const bool swapped = GENERATE(false, true);
  rig.set(swapped ? two : one);
  CHECK(rig.submitted() == (swapped ? std::vector<std::uint64_t>{2} : std::vector<std::uint64_t>{}));
  rig.set(swapped ? one : two);
  CHECK(rig.device.commands.size() == 2);
}

TEST_CASE("a barrier of an out-of-order queue waits for what is held, and holds what comes after it") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(true);
  const ObjectId kernel = rig.kernel();
  const ObjectId user = rig.user_event();
  rig.launch(queue, kernel, 1, {user});
  rig.launch(queue, kernel);
  rig.barrier(queue);
  rig.launch(queue, kernel);
  CHECK(rig.submitted() == std::vector<std::uint64_t>{2});
  rig.set(user);
  CHECK(rig.submitted() == std::vector<std::uint64_t>{2, 1, 3, 4});
}

TEST_CASE("a barrier that waits for a user event holds all that comes after it, a marker only itself") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(true);
  const ObjectId kernel = rig.kernel();
  const ObjectId user = rig.user_event();
  const bool is_barrier = GENERATE(true, false);
  if (is_barrier) rig.barrier(queue, {user});
  else rig.marker(queue, {user});
  rig.launch(queue, kernel);
  CHECK(rig.device.commands.size() == (is_barrier ? 0 : 1));
  rig.set(user);
  CHECK(rig.device.commands.size() == 2);
}

TEST_CASE("a failed user event lets those that waited go to the driver, which fails them") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId user = rig.user_event();
  const ObjectId event = rig.marker(queue, {user});
  rig.set(user, true);
  CHECK(std::count(rig.device.calls.begin(), rig.device.calls.end(), "user event failed") == 1);
  REQUIRE(rig.device.commands.size() == 1);
  CHECK(rig.device.commands[0].waits == 1);
  rig.device.complete(0, Outcome::wait_list_failed);
  CHECK(rig.stage(event) == static_cast<int>(Outcome::wait_list_failed));
  CHECK(rig.timeline().completed == 1);
}

TEST_CASE("the driver hears of a user event before it gets what waited for it") {
  SchedulerRig rig;
  rig.device.answer = Outcome::ok;
  const ObjectId queue = rig.queue();
  const ObjectId user = rig.user_event();
  rig.marker(queue, {user});
  rig.shut();
  rig.set(user);
  CHECK(rig.device.calls.back() == "user event");
  CHECK(rig.device.commands.empty());
  rig.unshut();
  CHECK(rig.device.commands.size() == 1);
}

TEST_CASE("a release waits for the held commands that name the object, and no others") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId kernel = rig.kernel(), bystander = rig.kernel();
  const ObjectId user = rig.user_event();
  const ObjectId event = rig.launch(queue, kernel, 1, {user});
  const std::size_t before = rig.path.objects().size();
  rig.release(kernel);
  rig.release(user);
  rig.release(event);
  CHECK(rig.path.objects().size() == before);
  rig.release(bystander);
  CHECK(rig.path.objects().size() == before - 1);
  rig.set(user);
  REQUIRE(rig.device.commands.size() == 1);
  CHECK(rig.device.commands[0].verb == "launch");
  CHECK(rig.path.objects().size() == before - 4);
}

TEST_CASE("a queue that is released while commands are held goes behind them") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue();
  const bool by_gate = GENERATE(true, false);
  const ObjectId user = rig.user_event();
  if (by_gate) rig.shut();
  const ObjectId event = by_gate ? rig.marker(queue) : rig.marker(queue, {user});
  const std::size_t before = rig.path.objects().size();
  rig.release(queue);
  CHECK(rig.path.objects().size() == before);
  if (by_gate) rig.unshut();
  else rig.set(user);
  CHECK(rig.path.objects().size() == before - 1);
  REQUIRE(rig.device.commands.size() == 1);
  rig.device.complete(0);
  CHECK(rig.stage(event) == complete);
  CHECK(rig.timeline().completed == 1);
  rig.path.flush();
}

TEST_CASE("memory that a held command names stays charged until the command has ended") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer(4096);
  rig.shut();
  auto fill = wire::BufferRead{};
  fill.buffer = buffer, fill.bytes = 64, fill.arena_at = 4096;
  rig.post(queue, fill);
  rig.release(buffer);
  CHECK(rig.memory.held() == 4096);
  rig.unshut();
  REQUIRE(rig.device.commands.size() == 1);
  CHECK(rig.memory.held() == 4096);
  rig.device.complete(0);
  CHECK(rig.memory.held() == 0);
}

TEST_CASE("when the program is gone, all that is held ends") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(), other = rig.queue();
  const ObjectId user = rig.user_event();
  const ObjectId blocked = rig.marker(queue, {user});
  rig.shut();
  const ObjectId ready = rig.marker(other);
  rig.release(other);
  CHECK(rig.completions.in_flight() == 2);
  rig.path.scheduler().drop_held();
  CHECK(rig.completions.in_flight() == 0);
  CHECK(rig.stage(blocked) == static_cast<int>(Outcome::device_lost));
  CHECK(rig.stage(ready) == static_cast<int>(Outcome::device_lost));
  CHECK(rig.device.commands.empty());
}

TEST_CASE("a malformed command is a fault at once, though it would wait") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId user = rig.user_event();
  auto launch = rig.to<wire::KernelLaunch>(queue, 1);
  launch.argument_count = 5;
  launch.enqueue.wait_count = 1;
  CHECK(is_fault(rig.send(launch, std::as_bytes(std::span(&user, 1)))));
  CHECK(rig.completions.in_flight() == 0);
}

TEST_CASE("a held command that is at fault once its image is known has an end like any other") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId user = rig.user_event();
  wire::ImageCreate create;
  create.id = rig.next_id++;
  create.width = 64, create.height = 32, create.kind = static_cast<std::uint32_t>(wire::ImageKind::d2);
  create.channel_order = 0x10B5, create.channel_type = 0x10D2, create.access = wire::device_reads;
  create.arena_at = 0;
  REQUIRE(rig.call(create) == Outcome::ok);
  auto read = rig.to<wire::ImageRead>(queue, 1);
  read.image = create.id, read.region = {64, 32, 1}, read.arena_at = arena_bytes - 64;
  read.enqueue.wait_count = 1;
  CHECK(rig.send(read, std::as_bytes(std::span(&user, 1))).ok());
  wire::UserEventSet set;
  set.id = user;
  CHECK(is_fault(rig.send(set)));
  rig.path.scheduler().drop_held();
  CHECK(rig.completions.in_flight() == 0);
  CHECK(rig.timeline().completed == 1);
}

TEST_CASE("a release waits for a held command of its object, not for one with a number that looks like its id") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer(4096), bystander = rig.buffer(4096);
  const ObjectId user = rig.user_event();
  wire::BufferRead read;
  read.buffer = buffer, read.arena_at = 0;
  read.bytes = bystander, read.src_offset = bystander;  // words that look like an id
  rig.post(queue, read, {user});
  const std::size_t before = rig.path.objects().size();
  rig.release(bystander);
  CHECK(rig.path.objects().size() == before - 1);
  rig.release(buffer);
  CHECK(rig.path.objects().size() == before - 1);
  rig.set(user);
  REQUIRE(rig.device.commands.size() == 1);
  CHECK(rig.path.objects().size() == before - 2);
}

TEST_CASE("a launch that waited has its arguments as they came, whatever came since") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(), kernel = rig.kernel(), buffer = rig.buffer();
  const ObjectId user = rig.user_event();
  auto launch = rig.to<wire::KernelLaunch>(queue, 1);
  launch.kernel = kernel, launch.argument_count = 2, launch.enqueue.wait_count = 1;
  const std::vector<std::uint64_t> trailing{user, 8ull << 32 | 2, buffer, 8ull << 32 | 1, 0x1122334455667788};
  REQUIRE(rig.send(launch, std::as_bytes(std::span(trailing))).ok());
  auto other = rig.to<wire::KernelLaunch>(rig.queue(), 1);
  other.kernel = kernel, other.argument_count = 1;
  const std::vector<std::uint64_t> others{8ull << 32 | 1, 0};
  REQUIRE(rig.send(other, std::as_bytes(std::span(others))).ok());
  rig.device.check_launch = [&](const backend::Launch& launched) {
    REQUIRE(launched.arguments.size() == 2);
    CHECK(launched.arguments[0].memory != nullptr);
    CHECK(std::memcmp(launched.arguments[1].bytes.data(), &trailing[4], 8) == 0);
  };
  rig.set(user);
  CHECK(rig.device.commands.size() == 2);
}

TEST_CASE("when too much is ready, no more should be read until some of it has gone") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  for (std::size_t i = 0; i < HeldCommands::ready_max; ++i) {
    CHECK_FALSE(rig.path.scheduler().full());
    rig.marker(queue);
  }
  CHECK(rig.path.scheduler().full());
  rig.unshut();
  CHECK_FALSE(rig.path.scheduler().full());
  CHECK(rig.device.commands.size() == HeldCommands::ready_max);
}

// Launches with a large argument, which wait for an event.
struct LargeLaunches {
  explicit LargeLaunches(SchedulerRig& in) : rig(in), queue(in.queue()) {}
  Status wait_for(ObjectId event) {
    auto launch = rig.to<wire::KernelLaunch>(queue, ++sequence);
    launch.enqueue.wait_count = 1;
    launch.argument_count = 1;
    std::vector<std::byte> trailing(60'000);
    const wire::KernelArgument argument{wire::ArgumentValue::bytes, 60'000 - 16};
    std::memcpy(trailing.data(), &event, sizeof event);
    std::memcpy(trailing.data() + sizeof event, &argument, sizeof argument);
    return rig.send(launch, trailing);
  }
  SchedulerRig& rig;
  const ObjectId queue;
  std::uint64_t sequence = 0;
};

TEST_CASE("commands that wait for an unset event end the session when they need more memory than there is for them") {
  SchedulerRig rig;
  LargeLaunches launches(rig);
  const ObjectId user = rig.user_event();
  Status status;
  while (status.ok() && launches.sequence < 2000) status = launches.wait_for(user);
  CHECK(is_fault(status));
  CHECK(status.message().find("64 MiB of commands wait") != std::string::npos);
  CHECK(launches.sequence > (64 << 20) / 61'000);
  CHECK(launches.sequence < (64 << 20) / 60'000);
}

TEST_CASE("small commands that wait are charged for what their records need") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(), user = rig.user_event();
  Status status;
  std::uint64_t count = 0;
  while (status.ok() && count < 200'000) {
    auto marker = rig.to<wire::Marker>(queue, ++count);
    marker.enqueue.wait_count = 1;
    status = rig.send(marker, std::as_bytes(std::span(&user, 1)));
  }
  CHECK(is_fault(status));
  CHECK(count > 100'000);
}

TEST_CASE("commands that have stopped waiting are charged no more") {
  SchedulerRig rig;
  LargeLaunches launches(rig);
  for (int round = 0; round < 3; ++round) {
    const ObjectId user = rig.user_event();
    for (int i = 0; i < 700; ++i) REQUIRE(launches.wait_for(user).ok());
    rig.set(user);
  }
  CHECK(rig.completions.in_flight() == 0);
}

TEST_CASE("writes wait while the device has as much of their data as may be kept, and go when some has ended") {
  SchedulerRig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer(1 << 16);
  const std::vector<std::byte> data(wire::inline_write_bytes_max);
  std::uint64_t sequence = 0;
  while (!rig.path.scheduler().holds_back() && sequence * data.size() < 65 << 20) {
    auto write = rig.to<wire::BufferWrite>(queue, ++sequence);
    write.buffer = buffer;
    write.bytes = data.size();
    write.arena_at = wire::no_offset;
    REQUIRE(rig.send(write, data).ok());
  }
  REQUIRE(rig.device.commands.size() == sequence - 1);
  CHECK(rig.device.commands.size() * data.size() <= 64 << 20);
  CHECK(rig.device.commands.size() * data.size() > 63 << 20);
  rig.device.complete(0);
  REQUIRE(rig.path.scheduler().pump().ok());
  CHECK_FALSE(rig.path.scheduler().holds_back());
  CHECK(rig.device.commands.size() == sequence);
}

}  // namespace
}  // namespace sluice::worker
