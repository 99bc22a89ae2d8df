#include "daemon/worker/checkpoint/checkpoint.h"

#include <zlib.h>

#include <array>

#include "wire/codec.h"

namespace sluice::worker {
namespace {

constexpr std::uint32_t magic = 0x504B4C53;  // "SLKP"

enum class Tag : std::uint32_t { objects = 1, queues, events, held, durations, session };

std::uint32_t checksum_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

Status wrong(const std::string& how) { return Status(Code::protocol_fault, "the checkpoint " + how); }

void get_into(wire::Decoder& from, std::vector<std::byte>& bytes) {
  const auto view = from.get_bytes();
  bytes.assign(view.begin(), view.end());
}

// ---- one of each ----

void put(wire::Encoder& to, const CheckpointObject& object) {
  to.put_bytes(object.command);
  to.put_bytes(object.request);
  to.put(object.outcome);
  to.put(object.released);
  to.put(object.built);
  to.put_string(object.undelivered);
  to.put(object.user_event);
}
void get(wire::Decoder& from, CheckpointObject& object) {
  get_into(from, object.command);
  get_into(from, object.request);
  object.outcome = from.get<wire::Outcome>();
  object.released = from.get<bool>();
  object.built = from.get<bool>();
  object.undelivered = from.get_string();
  object.user_event = from.get<UserEventState>();
}
constexpr std::size_t least(const CheckpointObject*) { return 8 + 8 + 4 + 1 + 1 + 8 + 1; }

void put(wire::Encoder& to, const CheckpointQueue& queue) {
  for (const std::uint64_t field : {queue.id, queue.begun, queue.ended, queue.ended_count}) to.put(field);
}
void get(wire::Decoder& from, CheckpointQueue& queue) {
  for (std::uint64_t* field : {&queue.id, &queue.begun, &queue.ended, &queue.ended_count})
    *field = from.get<std::uint64_t>();
}
constexpr std::size_t least(const CheckpointQueue*) { return 32; }

void put(wire::Encoder& to, const CheckpointEvent& event) {
  to.put(event.id);
  to.put(event.outcome);
}
void get(wire::Decoder& from, CheckpointEvent& event) {
  event.id = from.get<wire::ObjectId>();
  event.outcome = from.get<wire::Outcome>();
}
constexpr std::size_t least(const CheckpointEvent*) { return 12; }

void put(wire::Encoder& to, const CheckpointHeld& held) {
  to.put_bytes(held.command);
  to.put(held.done);
  to.put(held.first_started_ns);
  to.put(held.outcome);
}
void get(wire::Decoder& from, CheckpointHeld& held) {
  get_into(from, held.command);
  held.done = from.get<std::uint64_t>();
  held.first_started_ns = from.get<Nanoseconds>();
  held.outcome = from.get<wire::Outcome>();
}
constexpr std::size_t least(const CheckpointHeld*) { return 8 + 8 + 8 + 4; }

void put(wire::Encoder& to, std::uint64_t number) { to.put(number); }
void get(wire::Decoder& from, std::uint64_t& number) { number = from.get<std::uint64_t>(); }
constexpr std::size_t least(const std::uint64_t*) { return 8; }

void put(wire::Encoder& to, const Checkpoint& checkpoint) {
  to.put(checkpoint.ring_position);
  to.put(checkpoint.host_in_seen);
  to.put(checkpoint.host_out_seen);
  to.put(checkpoint.arena_at_home);
  to.put(checkpoint.rested_ns);
}
void get(wire::Decoder& from, Checkpoint& checkpoint) {
  checkpoint.ring_position = from.get<std::uint64_t>();
  checkpoint.host_in_seen = from.get<std::uint64_t>();
  checkpoint.host_out_seen = from.get<std::uint64_t>();
  checkpoint.arena_at_home = from.get<bool>();
  checkpoint.rested_ns = from.get<Nanoseconds>();
}

// ---- sections ----

template <typename Item>
void put_list(wire::Encoder& body, Tag tag, const std::vector<Item>& items) {
  wire::Encoder section;
  section.put(static_cast<std::uint64_t>(items.size()));
  for (const Item& item : items) put(section, item);
  body.put(tag);
  body.put_bytes(section.bytes());
}

template <typename Item>
bool get_list(std::span<const std::byte> bytes, std::vector<Item>& items) {
  wire::Decoder section(bytes);
  items.resize(section.get_count(least(static_cast<const Item*>(nullptr))));
  for (Item& item : items) get(section, item);
  return section.ok() && section.at_end();
}

bool get_section(Tag tag, std::span<const std::byte> bytes, Checkpoint& checkpoint) {
  switch (tag) {
    case Tag::objects: return get_list(bytes, checkpoint.objects);
    case Tag::queues: return get_list(bytes, checkpoint.queues);
    case Tag::events: return get_list(bytes, checkpoint.events);
    case Tag::held: return get_list(bytes, checkpoint.held);
    case Tag::durations: return get_list(bytes, checkpoint.durations);
    case Tag::session: {
      wire::Decoder section(bytes);
      get(section, checkpoint);
      return section.ok() && section.at_end();
    }
  }
  return false;
}

Result<Checkpoint> get_sections(std::span<const std::byte> bytes) {
  wire::Decoder body(bytes);
  Checkpoint checkpoint;
  while (body.ok() && !body.at_end()) {
    const auto tag = body.get<Tag>();
    const auto section = body.get_bytes();
    if (!body.ok() || !get_section(tag, section, checkpoint))
      return wrong("has a malformed part " + std::to_string(static_cast<std::uint32_t>(tag)));
  }
  return checkpoint;
}

}  // namespace

std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint) {
  wire::Encoder body;
  put_list(body, Tag::objects, checkpoint.objects);
  put_list(body, Tag::queues, checkpoint.queues);
  put_list(body, Tag::events, checkpoint.events);
  put_list(body, Tag::held, checkpoint.held);
  put_list(body, Tag::durations, checkpoint.durations);
  wire::Encoder session;
  put(session, checkpoint);
  body.put(Tag::session);
  body.put_bytes(session.bytes());
  return frame_checkpoint(body.bytes());
}

std::vector<std::byte> frame_checkpoint(std::span<const std::byte> sections) {
  wire::Encoder encoder;
  encoder.put(magic);
  encoder.put(checkpoint_version);
  encoder.put(static_cast<std::uint64_t>(sections.size()));
  encoder.put(checksum_of(sections));
  encoder.put(std::uint32_t{0});
  encoder.append(sections);
  return encoder.take();
}

Result<Checkpoint> decode_checkpoint(std::span<const std::byte> bytes) {
  wire::Decoder decoder(bytes);
  const auto is = decoder.get<std::uint32_t>();
  const auto version = decoder.get<std::uint32_t>();
  const auto length = decoder.get<std::uint64_t>();
  const auto checksum = decoder.get<std::uint32_t>();
  const auto zero = decoder.get<std::uint32_t>();
  if (!decoder.ok() || is != magic || zero != 0) return wrong("is none");
  if (version != checkpoint_version)
    return wrong("has version " + std::to_string(version) + ", and this worker reads " +
                 std::to_string(checkpoint_version));
  const auto body = decoder.take(length);
  if (!decoder.ok() || !decoder.at_end()) return wrong("has another length than it says");
  if (checksum_of(body) != checksum) return wrong("was changed on its way: its checksum is another");
  return get_sections(body);
}

}  // namespace sluice::worker
