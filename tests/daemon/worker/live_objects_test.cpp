// What is alive in a session, and whether that is enough to make it again.
#include "daemon/worker/live_objects.h"

#include <map>

#include "command_rig.h"

namespace sluice::worker {
namespace {

constexpr std::uint64_t request_at = 1 << 20;

std::vector<ObjectId> ids_of(const std::vector<LiveObject>& objects) {
  std::vector<ObjectId> ids;
  for (const LiveObject& object : objects) ids.push_back(object.record->id());
  return ids;
}

void release(Rig& rig, ObjectId id) {
  wire::ObjectRelease command;
  command.id = id;
  REQUIRE(rig.send(command).ok());
}

std::uint64_t put_request(Rig& rig, const wire::BuildRequest& request) {
  wire::Encoder encoder;
  encode(encoder, request);
  std::memcpy(rig.at(request_at), encoder.bytes().data(), encoder.bytes().size());
  return encoder.bytes().size();
}

// As a worker would that takes the session over: each command again, through a session of its own.
template <typename Fixed>
void make_again(Rig& rig, Fixed command, const wire::BuildRequest* request) {
  if constexpr (std::is_same_v<Fixed, wire::ProgramBuild>) {
    command.request_at = request_at, command.request_bytes = put_request(rig, *request);
    command.call.data_at = 2 << 20, command.call.data_bytes = 4096;
  }
  if constexpr (requires { command.call; }) REQUIRE(rig.call(command) == Outcome::ok);
  else REQUIRE(rig.send(command).ok());
}

void make_again(Rig& rig, const std::vector<LiveObject>& objects) {
  for (const LiveObject& object : objects)
    std::visit([&](const auto& fixed) { make_again(rig, fixed, object.record->request()); }, object.record->command());
  for (const LiveObject& object : objects)
    if (object.released) release(rig, object.record->id());
}

// One of everything, some of it released while other things are made from it.
struct Session : Rig {
  Session() {
    device.can_be_divided(4);
    buffer_id = buffer(4096);
    wire::SubBufferCreate sub;
    sub.id = part = next_id++, sub.parent = buffer_id, sub.origin = 1024, sub.bytes = 512, sub.access = 3;
    REQUIRE(send(sub).ok());
    wire::ImageCreate image;
    image.id = image_id = next_id++, image.width = 8, image.height = 4, image.arena_at = 8192;
    image.kind = static_cast<std::uint32_t>(wire::ImageKind::d2), image.access = wire::device_reads;
    image.channel_order = 0x10B5, image.channel_type = 0x10D2;
    REQUIRE(call(image) == Outcome::ok);
    wire::SamplerCreate sampler;
    sampler.id = sampler_id = next_id++, sampler.addressing_mode = 7;
    REQUIRE(send(sampler).ok());
    wire::QueueCreate queue;
    queue.id = queue_id = next_id++, queue.timeline_at = next_slot(), queue.out_of_order = 1, queue.units = 2;
    REQUIRE(send(queue).ok());
    wire::UserEventCreate event;
    event.id = event_id = next_id++;
    REQUIRE(send(event).ok());
    wire::BuildRequest request;
    request.source = "kernel void k() {}";
    program_id = build(request);
    request = {};
    request.verb = wire::BuildVerb::link, request.inputs = {program_id};
    linked = build(request);
    wire::KernelCreate kernel;
    kernel.id = kernel_id = next_id++, kernel.program = linked, kernel.index = 3;
    REQUIRE(send(kernel).ok());
  }
  ObjectId build(const wire::BuildRequest& request) {
    wire::ProgramBuild command;
    command.id = next_id++, command.request_at = request_at, command.request_bytes = put_request(*this, request);
    command.call.data_at = 2 << 20, command.call.data_bytes = 4096;
    REQUIRE(call(command) == Outcome::ok);
    return command.id;
  }
  ObjectId buffer_id = 0, part = 0, image_id = 0, sampler_id = 0, queue_id = 0, event_id = 0;
  ObjectId program_id = 0, linked = 0, kernel_id = 0;
};

TEST_CASE("live objects come in the order in which they were made, with their commands") {
  Session session;
  const auto objects = live_objects(session.path.objects());
  CHECK(ids_of(objects) == std::vector<ObjectId>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  for (const LiveObject& object : objects) CHECK_FALSE(object.released);
  CHECK(std::get<wire::SubBufferCreate>(objects[1].record->command()).origin == 1024);
  CHECK(std::get<wire::KernelCreate>(objects[8].record->command()).index == 3);
  REQUIRE(objects[6].record->request() != nullptr);
  CHECK(objects[6].record->request()->source == "kernel void k() {}");
}

TEST_CASE("what is released is listed for as long as something is made from it") {
  Session session;
  release(session, session.buffer_id);
  release(session, session.program_id);
  release(session, session.linked);
  release(session, session.sampler_id);
  auto objects = live_objects(session.path.objects());
  CHECK(ids_of(objects) == std::vector<ObjectId>{1, 2, 3, 5, 6, 7, 8, 9});
  for (const LiveObject& object : objects) {
    const ObjectId id = object.record->id();
    CHECK(object.released == (id == session.buffer_id || id == session.program_id || id == session.linked));
  }
  release(session, session.part);
  release(session, session.kernel_id);
  objects = live_objects(session.path.objects());
  CHECK(ids_of(objects) == std::vector<ObjectId>{3, 5, 6});
}

TEST_CASE("an object that could not be made is listed with its outcome, the event of a command is not") {
  Rig rig;
  const ObjectId queue = rig.queue();
  wire::SubBufferCreate part;
  part.id = rig.next_id++, part.parent = 4711;
  REQUIRE(rig.send(part).ok());
  auto marker = rig.to<wire::Marker>(queue, 1);
  marker.enqueue.event = rig.next_id++;
  REQUIRE(rig.send(marker).ok());
  const auto objects = live_objects(rig.path.objects());
  CHECK(ids_of(objects) == std::vector<ObjectId>{queue, part.id});
  CHECK(objects[1].outcome == Outcome::invalid_object);
}

TEST_CASE("a session's objects are made again on another device from the list alone") {
  Session session;
  release(session, session.buffer_id);
  release(session, session.program_id);
  release(session, session.linked);
  const auto objects = live_objects(session.path.objects());

  Rig other;
  other.device.can_be_divided(4);
  make_again(other, objects);
  CHECK(other.device.calls == session.device.calls);
  REQUIRE(other.device.queue_shapes.size() == 1);
  CHECK(other.device.queue_shapes[0].units == 2);
  CHECK(other.path.objects().size() == session.path.objects().size());
  CHECK(other.path.objects().bytes() == session.path.objects().bytes());
  CHECK(other.memory.held() == session.memory.held());

  const auto again = live_objects(other.path.objects());
  REQUIRE(ids_of(again) == ids_of(objects));
  for (std::size_t i = 0; i < objects.size(); ++i) {
    CHECK(again[i].released == objects[i].released);
    CHECK(again[i].record->command().index() == objects[i].record->command().index());
  }
}

}  // namespace
}  // namespace sluice::worker
