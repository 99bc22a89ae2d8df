#include "daemon/sessions/session_record.h"

#include <catch2/catch.hpp>
#include <cstring>

namespace sluice {
namespace {

SessionNote example() {
  SessionNote note;
  note.record.session_id = 77;
  note.record.limits = {1u << 30, 250};
  note.record.bindings = {{0, 4}, {2, 5}};
  note.memory.arena = {1, 2};
  note.move = {3, MoveRole::target, 9};
  note.memory.bindings = {{{1, 3}, {1, 4}, {}}, {{1, 5}, {1, 6}, {1, 7}}};
  note.devices = {{{7, 8}, 1, 2, 99}, {}};
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
  CHECK(read.value().memory == example().memory);
  CHECK(read.value().devices == example().devices);
  CHECK(read.value().move == example().move);
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

TEST_CASE("a record without a binding, with too many, or with two on one device is refused") {
  const auto with = [](std::vector<SessionBinding> bindings) {
    SessionNote note = example();
    note.record.bindings = std::move(bindings);
    note.memory.bindings.resize(note.record.bindings.size());
    note.devices.resize(note.record.bindings.size());
    return decode_session_note(encode_session_note(note)).ok();
  };
  std::vector<SessionBinding> many;
  while (many.size() < session_bindings_max) many.push_back({static_cast<std::uint32_t>(many.size()), 1});
  CHECK(with(many));
  many.push_back({session_bindings_max, 1});
  CHECK_FALSE(with(many));
  CHECK_FALSE(with({}));
  CHECK_FALSE(with({{3, 1}, {3, 2}}));
}

TEST_CASE("a record of an API that is not known is refused") {
  SessionNote note = example();
  note.record.api = static_cast<wire::Api>(99);
  CHECK_FALSE(decode_session_note(encode_session_note(note)).ok());
}

}  // namespace
}  // namespace sluice
