#include "daemon/worker/checkpoint/checkpoint.h"

#include <zlib.h>

#include <type_traits>

#include "wire/codec.h"

namespace sluice::worker {
namespace {

constexpr std::uint32_t magic = 0x504B4C53;  // "SLKP"

enum class Tag : std::uint32_t { objects = 1, queues, events, held, durations, session };

std::uint32_t checksum_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

Status wrong(const std::string& how) { return Status(Code::protocol_fault, "the checkpoint " + how); }

// To be written, or read.
template <typename T, typename Of>
concept Either = std::is_same_v<std::remove_const_t<T>, Of>;

// ---- the fields of each, and the fewest bytes that they take ----

void fields(auto& v, Either<CheckpointObject> auto& object) {
  v(object.command), v(object.request), v(object.outcome), v(object.released);
  v(object.built), v(object.undelivered), v(object.user_event);
}
constexpr std::size_t least(const CheckpointObject*) { return 8 + 8 + 4 + 1 + 1 + 8 + 1; }

void fields(auto& v, Either<CheckpointQueue> auto& queue) {
  v(queue.id), v(queue.begun), v(queue.ended), v(queue.ended_count);
}
constexpr std::size_t least(const CheckpointQueue*) { return 4 * 8; }

void fields(auto& v, Either<CheckpointEvent> auto& event) { v(event.id), v(event.outcome); }
constexpr std::size_t least(const CheckpointEvent*) { return 8 + 4; }

void fields(auto& v, Either<CheckpointHeld> auto& held) {
  v(held.command), v(held.done), v(held.first_started_ns), v(held.outcome);
}
constexpr std::size_t least(const CheckpointHeld*) { return 8 + 8 + 8 + 4; }

void fields(auto& v, Either<std::uint64_t> auto& number) { v(number); }
constexpr std::size_t least(const std::uint64_t*) { return 8; }

// What is there once.
void fields(auto& v, Either<Checkpoint> auto& checkpoint) {
  v(checkpoint.ring_position), v(checkpoint.host_in_seen), v(checkpoint.host_out_seen);
  v(checkpoint.arena_at_home), v(checkpoint.rested_ns);
}

// ---- sections ----

template <typename Item>
void put_list(wire::Encoder& body, Tag tag, const std::vector<Item>& items) {
  wire::Encoder section;
  wire::EncodeVisitor visitor(section);
  visitor.each(items, 0, [](auto& v, const Item& item) { fields(v, item); });
  body.put(tag);
  body.put_bytes(section.bytes());
}

template <typename Item>
bool get_list(std::span<const std::byte> bytes, std::vector<Item>& items) {
  wire::Decoder section(bytes);
  wire::DecodeVisitor visitor(section);
  visitor.each(items, least(static_cast<const Item*>(nullptr)), [](auto& v, Item& item) { fields(v, item); });
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
      wire::DecodeVisitor visitor(section);
      fields(visitor, checkpoint);
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
  wire::EncodeVisitor visitor(session);
  fields(visitor, checkpoint);
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
