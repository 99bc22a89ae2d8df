#include "daemon/sessions/worker_link.h"

#include <catch2/catch.hpp>
#include <cstring>

namespace sluice {
namespace {

constexpr std::size_t version_at = 4, kind_at = 8;  // in a message

WorkerMessage message_of(WorkerMessageKind kind) {
  WorkerMessage message;
  message.kind = kind;
  message.record.session_id = 77;
  message.record.bindings = {{0, 1}};
  wire::set_text(message.record.tenant, "alice");
  message.text = "why";
  return message;
}

WorkerMessage probe_answer() {
  WorkerMessage message = message_of(WorkerMessageKind::probed);
  message.devices.resize(2);
  message.devices[1].name = "second";
  return message;
}

std::vector<std::byte> changed(std::vector<std::byte> bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

TEST_CASE("a message between daemon and worker comes back as it was") {
  const auto attach = decode_worker_message(encode_worker_message(message_of(WorkerMessageKind::attach)));
  REQUIRE(attach.ok());
  CHECK(attach.value().kind == WorkerMessageKind::attach);
  CHECK(attach.value().record == message_of(WorkerMessageKind::attach).record);
  const auto probed = decode_worker_message(encode_worker_message(probe_answer()));
  REQUIRE(probed.ok());
  REQUIRE(probed.value().devices.size() == 2);
  CHECK(probed.value().devices[1].name == "second");
  CHECK(probed.value().text == "why");
}

TEST_CASE("the report of a move comes back as it was") {
  WorkerMessage message = message_of(WorkerMessageKind::moved);
  message.move = {1, 2, 3, 4, 5};
  const auto moved = decode_worker_message(encode_worker_message(message));
  REQUIRE(moved.ok());
  CHECK(moved.value().move == message.move);
}

TEST_CASE("a message carries the parts of its kind alone") {
  const auto ended = decode_worker_message(encode_worker_message(message_of(WorkerMessageKind::ended)));
  REQUIRE(ended.ok());
  CHECK(ended.value().text == "why");
  CHECK(ended.value().record.session_id == 0);
}

TEST_CASE("a message that is cut short anywhere, or longer than it says, is refused") {
  for (const auto& message : {message_of(WorkerMessageKind::attach), probe_answer()}) {
    auto bytes = encode_worker_message(message);
    for (std::size_t length = 0; length < bytes.size(); ++length)
      REQUIRE_FALSE(decode_worker_message(std::span(bytes).first(length)).ok());
    bytes.push_back(std::byte{0});
    CHECK_FALSE(decode_worker_message(bytes).ok());
  }
}

TEST_CASE("a message of another version is refused, and the reason names both versions") {
  const auto bytes = encode_worker_message(message_of(WorkerMessageKind::attach));
  const auto refused = decode_worker_message(changed(bytes, version_at, worker_link_version + 1));
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.status().message(), Catch::Contains(std::to_string(worker_link_version)));
  CHECK_THAT(refused.status().message(), Catch::Contains(std::to_string(worker_link_version + 1)));
}

TEST_CASE("a message with another magic number, or of an unknown kind, is refused") {
  const auto bytes = encode_worker_message(message_of(WorkerMessageKind::ended));
  CHECK(decode_worker_message(bytes).ok());
  CHECK_FALSE(decode_worker_message(changed(bytes, 0, 1)).ok());
  CHECK_FALSE(decode_worker_message(changed(bytes, kind_at, 0)).ok());
  CHECK_FALSE(decode_worker_message(changed(bytes, kind_at, 99)).ok());
}

TEST_CASE("a worker describes one device when it is ready, no more") {
  WorkerMessage message = probe_answer();
  message.kind = WorkerMessageKind::ready;
  CHECK_FALSE(decode_worker_message(encode_worker_message(message)).ok());
  message.devices.resize(1);
  CHECK(decode_worker_message(encode_worker_message(message)).ok());
}

TEST_CASE("a text is cut to the length that the other side accepts") {
  WorkerMessage message = message_of(WorkerMessageKind::ended);
  message.text.assign(2 * worker_text_bytes_max, 'x');
  const auto decoded = decode_worker_message(encode_worker_message(message));
  REQUIRE(decoded.ok());
  CHECK(decoded.value().text.size() == worker_text_bytes_max);
}

}  // namespace
}  // namespace sluice
