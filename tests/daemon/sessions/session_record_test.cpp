#include "daemon/sessions/session_record.h"

#include <catch2/catch.hpp>
#include <cstring>

namespace sluice {
namespace {

SessionNote example() {
  SessionNote note;
  note.record.session_id = 77;
  note.record.memory_limit_bytes = 1u << 30;
  note.record.worker_number = 4;
  wire::set_text(note.record.tenant, "alice");
  wire::set_text(note.record.program, "hashcat");
  return note;
}

std::vector<std::byte> with_number(std::vector<std::byte> bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

TEST_CASE("a session's note comes back as it was") {
  const auto read = decode_session_note(encode_session_note(example()));
  REQUIRE(read.ok());
  CHECK(read.value().record == example().record);
}

TEST_CASE("a note that is cut short anywhere, or too long, is refused") {
  auto bytes = encode_session_note(example());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_FALSE(decode_session_note(std::span(bytes).first(length)).ok());
  bytes.push_back(std::byte{0});
  CHECK_FALSE(decode_session_note(bytes).ok());
}

TEST_CASE("a note, or a record in it, of another version is refused with both versions in the reason") {
  const auto bytes = encode_session_note(example());
  constexpr std::size_t note_version_at = 4, record_version_at = 12;
  for (const std::size_t at : {note_version_at, record_version_at}) {
    const auto refused = decode_session_note(with_number(bytes, at, 999));
    REQUIRE_FALSE(refused.ok());
    CHECK_THAT(refused.status().message(), Catch::Contains("version 999"));
  }
}

TEST_CASE("a plain struct, as daemons wrote before notes had versions, is refused") {
  const std::vector<std::byte> older(208);
  CHECK_FALSE(decode_session_note(older).ok());
}

TEST_CASE("a name that does not end where it may is refused") {
  SessionNote note = example();
  std::memset(note.record.tenant, 'x', sizeof note.record.tenant);
  CHECK_FALSE(decode_session_note(encode_session_note(note)).ok());
}

}  // namespace
}  // namespace sluice
