#include "daemon/sessions/worker_link.h"

#include <catch2/catch.hpp>
#include <cstring>

namespace sluice {
namespace {

WorkerMessage example() {
  WorkerMessage message;
  message.kind = WorkerMessageKind::attach;
  message.devices.resize(2);
  message.devices[1].name = "second";
  message.record.session_id = 77;
  wire::set_text(message.record.tenant, "alice");
  message.cache_folder = "/var/cache/x";
  message.text = "why";
  return message;
}

TEST_CASE("a message between daemon and worker comes back as it was") {
  const auto decoded = decode_worker_message(encode_worker_message(example()));
  REQUIRE(decoded.ok());
  const WorkerMessage& message = decoded.value();
  CHECK(message.kind == WorkerMessageKind::attach);
  REQUIRE(message.devices.size() == 2);
  CHECK(message.devices[1].name == "second");
  CHECK(message.record.session_id == 77);
  CHECK(std::string(message.record.tenant) == "alice");
  CHECK(message.cache_folder == "/var/cache/x");
  CHECK(message.text == "why");
}

TEST_CASE("a message that is cut short anywhere is refused") {
  const auto bytes = encode_worker_message(example());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_FALSE(decode_worker_message(std::span(bytes).first(length)).ok());
}

TEST_CASE("names in a record end, whatever was sent") {
  WorkerMessage message = example();
  std::memset(message.record.tenant, 'x', sizeof message.record.tenant);
  const auto decoded = decode_worker_message(encode_worker_message(message));
  REQUIRE(decoded.ok());
  CHECK(std::strlen(decoded.value().record.tenant) == wire::name_bytes_max - 1);
}

}  // namespace
}  // namespace sluice
