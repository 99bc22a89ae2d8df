#include "daemon/sessions/session_record.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/contract.h"
#include "daemon/sessions/record_frame.h"

namespace sluice {
namespace {

constexpr std::uint32_t note_magic = 0x4E534C53;  // "SLSN"

// A name as a string on the wire: what would not fit, or ends early, is malformed.
void visit_name(wire::EncodeVisitor& visitor, const char (&name)[wire::name_bytes_max]) {
  visitor(std::string(name, strnlen(name, sizeof name)));
}

struct NameReader {
  wire::Decoder& decoder;
  void operator()(char (&name)[wire::name_bytes_max]) const {
    const std::string text = decoder.get_string();
    if (text.size() >= sizeof name || text.find('\0') != std::string::npos) return decoder.fail();
    wire::set_text(name, text);
  }
};

// Every field but the names and the bindings.
template <typename Visitor, typename Record>
void visit(Visitor& v, Record& r) {
  v(r.session_id), v(r.tenant_id), v(r.api), v(r.limits.memory_bytes), v(r.limits.gpu_milli);
  v(r.control_bytes), v(r.arena_bytes), v(r.arena_address), v(r.started_unix_ns);
  v(r.client_pid), v(r.client_uid), v(r.client_gid), v(r.client_start_ticks);
}

template <typename Visitor, typename Memory>
void visit_identities(Visitor& v, std::initializer_list<Memory*> memories) {
  for (Memory* memory : memories) v(memory->device), v(memory->inode);
}

template <typename Visitor, typename Identity>
void visit_device(Visitor& v, Identity& device) {
  for (auto& byte : device.uuid) v(byte);
  v(device.card), v(device.cards), v(device.cpus_hash);
}

template <typename Visitor, typename Move>
void visit_move(Visitor& v, Move& move) {
  v(move.move), v(move.role), v(move.peer);
}

void put_bindings(wire::Encoder& fields, const std::vector<SessionBinding>& bindings) {
  fields.put(static_cast<std::uint32_t>(bindings.size()));
  for (const SessionBinding& binding : bindings) fields.put(binding.device), fields.put(binding.worker);
}

bool has_device(const std::vector<SessionBinding>& bindings, std::uint32_t device) {
  return std::any_of(bindings.begin(), bindings.end(), [device](const auto& other) { return other.device == device; });
}

void get_bindings(wire::Decoder& fields, std::vector<SessionBinding>& bindings) {
  const auto count = fields.get<std::uint32_t>();
  if (count == 0 || count > session_bindings_max) return fields.fail();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto device = fields.get<std::uint32_t>(), worker = fields.get<std::uint32_t>();
    if (has_device(bindings, device)) return fields.fail();
    bindings.push_back({device, worker});
  }
}

}  // namespace

void put_session_record(wire::Encoder& encoder, const SessionRecord& record) {
  wire::Encoder fields;
  wire::EncodeVisitor visitor(fields);
  visit(visitor, record);
  visit_name(visitor, record.tenant);
  visit_name(visitor, record.program);
  put_bindings(fields, record.bindings);
  put_frame(encoder, session_record_version, fields.bytes());
}

Result<SessionRecord> get_session_record(wire::Decoder& decoder) {
  const auto framed = SLUICE_TRY(get_frame(decoder, session_record_version, "the session's record"));
  SessionRecord record;
  wire::Decoder fields(framed);
  wire::DecodeVisitor visitor(fields);
  visit(visitor, record);
  const NameReader read_name{fields};
  read_name(record.tenant);
  read_name(record.program);
  get_bindings(fields, record.bindings);
  if (record.api != wire::Api::opencl) fields.fail();
  SLUICE_TRY(check_whole(fields, "the session's record"));
  return record;
}

std::vector<std::byte> encode_session_note(const SessionNote& note) {
  SLUICE_REQUIRE(note.memory.bindings.size() == note.record.bindings.size());
  SLUICE_REQUIRE(note.devices.size() == note.record.bindings.size());
  wire::Encoder fields;
  put_session_record(fields, note.record);
  wire::EncodeVisitor visitor(fields);
  visit_identities(visitor, {&note.memory.control, &note.memory.arena});
  for (const BindingMemoryNote& binding : note.memory.bindings)
    visit_identities(visitor, {&binding.report, &binding.terms, &binding.terms_before});
  for (const DeviceIdentity& device : note.devices) visit_device(visitor, device);
  visit_move(visitor, note.move);
  wire::Encoder encoder;
  encoder.put(note_magic);
  put_frame(encoder, session_note_version, fields.bytes());
  return encoder.take();
}

Result<SessionNote> decode_session_note(std::span<const std::byte> bytes) {
  wire::Decoder decoder(bytes);
  if (decoder.get<std::uint32_t>() != note_magic || bytes.size() > session_note_bytes_max)
    return Status(Code::protocol_fault, "not a note of a session");
  const auto framed = SLUICE_TRY(get_frame(decoder, session_note_version, "the note of the session"));
  SLUICE_TRY(check_whole(decoder, "the note of the session"));
  wire::Decoder fields(framed);
  auto record = SLUICE_TRY(get_session_record(fields));
  SessionNote note{std::move(record), {}, {}};
  wire::DecodeVisitor visitor(fields);
  visit_identities(visitor, {&note.memory.control, &note.memory.arena});
  note.memory.bindings.resize(note.record.bindings.size());
  for (BindingMemoryNote& binding : note.memory.bindings)
    visit_identities(visitor, {&binding.report, &binding.terms, &binding.terms_before});
  note.devices.resize(note.record.bindings.size());
  for (DeviceIdentity& device : note.devices) visit_device(visitor, device);
  visit_move(visitor, note.move);
  if (note.move.role > MoveRole::target) fields.fail();
  SLUICE_TRY(check_whole(fields, "the note of the session"));
  return note;
}

}  // namespace sluice
