#include "daemon/sessions/session_record.h"

#include <cstring>
#include <string>
#include <string_view>

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

// Every field but the names.
template <typename Visitor, typename Record>
void visit(Visitor& v, Record& r) {
  v(r.session_id), v(r.tenant_id), v(r.memory_limit_bytes), v(r.control_bytes), v(r.arena_bytes), v(r.arena_address);
  v(r.started_unix_ns), v(r.device_index), v(r.gpu_milli);
  v(r.client_pid), v(r.client_uid), v(r.client_gid), v(r.client_start_ticks), v(r.worker_number);
}

template <typename Visitor, typename Note>
void visit_memory(Visitor& v, Note& note) {
  for (auto* memory : {&note.control, &note.arena, &note.report, &note.terms, &note.terms_before})
    v(memory->device), v(memory->inode);
}

}  // namespace

void put_session_record(wire::Encoder& encoder, const SessionRecord& record) {
  wire::Encoder fields;
  wire::EncodeVisitor visitor(fields);
  visit(visitor, record);
  visit_name(visitor, record.tenant);
  visit_name(visitor, record.program);
  put_frame(encoder, session_record_version, fields.bytes());
}

Result<SessionRecord> get_session_record(wire::Decoder& decoder) {
  const auto framed = get_frame(decoder, session_record_version, "the session's record");
  if (!framed.ok()) return framed.status();
  SessionRecord record;
  wire::Decoder fields(framed.value());
  wire::DecodeVisitor visitor(fields);
  visit(visitor, record);
  const NameReader read_name{fields};
  read_name(record.tenant);
  read_name(record.program);
  if (Status whole = check_whole(fields, "the session's record"); !whole.ok()) return whole;
  return record;
}

std::vector<std::byte> encode_session_note(const SessionNote& note) {
  wire::Encoder fields;
  put_session_record(fields, note.record);
  wire::EncodeVisitor visitor(fields);
  visit_memory(visitor, note.memory);
  wire::Encoder encoder;
  encoder.put(note_magic);
  put_frame(encoder, session_note_version, fields.bytes());
  return encoder.take();
}

Result<SessionNote> decode_session_note(std::span<const std::byte> bytes) {
  wire::Decoder decoder(bytes);
  if (decoder.get<std::uint32_t>() != note_magic || bytes.size() > session_note_bytes_max)
    return Status(Code::protocol_fault, "not a note of a session");
  const auto framed = get_frame(decoder, session_note_version, "the note of the session");
  if (!framed.ok()) return framed.status();
  if (Status whole = check_whole(decoder, "the note of the session"); !whole.ok()) return whole;
  wire::Decoder fields(framed.value());
  auto record = get_session_record(fields);
  if (!record.ok()) return record.status();
  SessionNote note{record.take(), {}};
  wire::DecodeVisitor visitor(fields);
  visit_memory(visitor, note.memory);
  if (Status whole = check_whole(fields, "the note of the session"); !whole.ok()) return whole;
  return note;
}

}  // namespace sluice
