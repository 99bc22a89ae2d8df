#include "wire/handshake.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "tests/wire/samples.h"

namespace sluice::wire {
namespace {

AttachRequest good_request() {
  AttachRequest request;
  set_text(request.tenant, "alice");
  set_text(request.program, "clpeak");
  request.gpu_milli = 250;
  request.memory_bytes = 1ull << 30;
  return request;
}

Result<AttachRequest> decoded(const AttachRequest& request) {
  return decode_attach_request(std::as_bytes(std::span(&request, 1)));
}

Code refusal(const AttachRequest& request) { return decoded(request).status().code(); }

TEST_CASE("a well-formed attach request is read as it was written") {
  const auto request = decoded(good_request());
  REQUIRE(request.ok());
  CHECK(std::string(request.value().tenant) == "alice");
  CHECK(std::string(request.value().program) == "clpeak");
  CHECK(request.value().gpu_milli == 250);
  CHECK(request.value().memory_bytes == 1ull << 30);
}

TEST_CASE("a request may leave the tenant to the daemon") {
  AttachRequest request = good_request();
  request.tenant[0] = '\0';
  CHECK(decoded(request).ok());
}

TEST_CASE("a request of another length is refused, whatever it holds") {
  std::vector<std::byte> bytes(2 * sizeof(AttachRequest));
  const AttachRequest good = good_request();
  std::memcpy(bytes.data(), &good, sizeof good);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto request = decode_attach_request(std::span(bytes).first(length));
    REQUIRE(request.ok() == (length == sizeof(AttachRequest)));
  }
}

TEST_CASE("a request of another protocol, version or API is refused by its own reason") {
  AttachRequest request = good_request();
  request.magic ^= 1;
  CHECK(refusal(request) == Code::protocol_fault);
  request = good_request();
  for (const int version : {protocol_version - 1, protocol_version + 1}) {
    request.version = static_cast<std::uint16_t>(version);
    request.magic = handshake_magic;
    CHECK(refusal(request) == Code::unsupported);
    CHECK(decoded(request).status().message().find("protocol " + std::to_string(version)) != std::string::npos);
  }
  request = good_request();
  request.api = static_cast<Api>(77);
  CHECK(refusal(request) == Code::unsupported);
  request = good_request();
  request.flags = 0x80000000;
  CHECK(refusal(request) == Code::protocol_fault);
}

TEST_CASE("unterminated names are refused before anybody measures them") {
  AttachRequest request = good_request();
  std::memset(request.tenant, 'a', sizeof request.tenant);
  CHECK(refusal(request) == Code::protocol_fault);
  request = good_request();
  std::memset(request.program, 'a', sizeof request.program);
  CHECK(refusal(request) == Code::protocol_fault);
  request = good_request();
  std::memset(request.token, 'a', sizeof request.token);
  CHECK(refusal(request) == Code::protocol_fault);
}

TEST_CASE("a tenant's name cannot be a path, an option or an escape sequence") {
  for (const char* name :
       {"..", ".hidden", "-rf", "a/b", "a b", "a\nb", "\x1b[2J", "caf\xc3\xa9", "a\\b", "a:b", "%n"}) {
    INFO(name);
    CHECK_FALSE(valid_tenant_name(name));
    AttachRequest request = good_request();
    set_text(request.tenant, name);
    CHECK(refusal(request) == Code::invalid_argument);
  }
  for (const char* name : {"a", "alice", "team-7", "x.y_z", "svc@host", "7"}) CHECK(valid_tenant_name(name));
  CHECK(valid_tenant_name(std::string(63, 'x')));
  CHECK_FALSE(valid_tenant_name(std::string(64, 'x')));
  CHECK_FALSE(valid_tenant_name(""));
}

TEST_CASE("what cannot be a token is refused before anybody looks it up") {
  for (const char* token : {"a b", "a\nb", "a/b", "a.b", "a@b", "\x1b[2J", "caf\xc3\xa9"}) {
    INFO(token);
    CHECK_FALSE(valid_token_text(token));
    AttachRequest request = good_request();
    set_text(request.token, token);
    CHECK(refusal(request) == Code::invalid_argument);
  }
  CHECK(valid_token_text("slt1-0123-ABC_d"));
  CHECK(valid_token_text(std::string(127, 'x')));
  CHECK_FALSE(valid_token_text(std::string(128, 'x')));
  CHECK_FALSE(valid_token_text(""));
}

TEST_CASE("a program's own name reaches no terminal unprinted") {
  AttachRequest request = good_request();
  set_text(request.program, "evil\x1b[2J\n\xff");
  const auto result = decoded(request);
  REQUIRE(result.ok());
  CHECK(std::string(result.value().program) == "evil?[2J??");
}

TEST_CASE("an accepted request is always terminated, printable and named validly, whatever bytes came") {
  std::mt19937 random(99);
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    AttachRequest request = good_request();
    auto* bytes = reinterpret_cast<unsigned char*>(&request);
    for (int flips = static_cast<int>(random() % 3); flips >= 0; --flips)
      bytes[random() % sizeof request] = random() & 0xFF;
    const auto result = decoded(request);
    if (!result.ok()) continue;
    ++accepted;
    const AttachRequest& got = result.value();
    REQUIRE(std::memchr(got.tenant, 0, sizeof got.tenant) != nullptr);
    REQUIRE(std::memchr(got.program, 0, sizeof got.program) != nullptr);
    REQUIRE((got.tenant[0] == '\0' || valid_tenant_name(got.tenant)));
    for (const char c : std::string(got.program)) REQUIRE((c >= ' ' && c <= '~'));
  }
  CHECK(accepted > 1000);
}

AttachReply good_reply() {
  AttachReply reply;
  reply.granted = 1;
  reply.session_id = 42;
  reply.memory_bytes = 1ull << 30;
  reply.control_bytes = 4096;
  reply.arena_bytes = 1ull << 31;
  set_text(reply.tenant, "alice");
  return reply;
}

TEST_CASE("a granting reply brings the device's traits") {
  const auto bytes = encode_attach_reply(good_reply(), sample_device_traits());
  const auto attachment = decode_attach_reply(bytes);
  REQUIRE(attachment.ok());
  CHECK(attachment.value().reply.session_id == 42);
  CHECK(std::string(attachment.value().reply.tenant) == "alice");
  CHECK(attachment.value().traits.name == "reference device");
  CHECK(attachment.value().traits.image_formats.size() == 1);
}

TEST_CASE("a refusal needs no traits, and brings its reason") {
  AttachReply reply;
  reply.code = static_cast<std::int32_t>(Code::exhausted);
  set_text(reply.reason, "no device has 2 GiB left");
  const auto attachment = decode_attach_reply(std::as_bytes(std::span(&reply, 1)));
  REQUIRE(attachment.ok());
  CHECK(attachment.value().reply.granted == 0);
  CHECK(std::string(attachment.value().reply.reason) == "no device has 2 GiB left");
}

TEST_CASE("a reply that is cut off, foreign or unterminated is refused") {
  const auto bytes = encode_attach_reply(good_reply(), sample_device_traits());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_FALSE(decode_attach_reply(std::span(bytes).first(length)).ok());
  AttachReply reply = good_reply();
  reply.version = protocol_version + 1;
  CHECK_FALSE(decode_attach_reply(encode_attach_reply(reply, {})).ok());
  reply = good_reply();
  std::memset(reply.reason, 'x', sizeof reply.reason);
  CHECK_FALSE(decode_attach_reply(encode_attach_reply(reply, {})).ok());
}

EndNotice good_notice() {
  EndNotice notice;
  set_text(notice.reason, "a command ran for too long");
  return notice;
}

Result<EndNotice> decoded(const EndNotice& notice) { return decode_end_notice(std::as_bytes(std::span(&notice, 1))); }

TEST_CASE("an end notice brings its reason, fit for a terminal") {
  const auto good = decoded(good_notice());
  REQUIRE(good.ok());
  CHECK(std::string(good.value().reason) == "a command ran for too long");
  EndNotice notice = good_notice();
  set_text(notice.reason, "evil\x1b[2J\n\xff");
  REQUIRE(decoded(notice).ok());
  CHECK(std::string(decoded(notice).value().reason) == "evil?[2J??");
}

TEST_CASE("an end notice that is cut off, foreign or unterminated is refused") {
  EndNotice notice = good_notice();
  const auto bytes = std::as_bytes(std::span(&notice, 1));
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_FALSE(decode_end_notice(bytes.first(length)).ok());
  notice.magic ^= 1;
  CHECK_FALSE(decoded(notice).ok());
  notice = good_notice();
  notice.version = protocol_version - 1;
  CHECK_FALSE(decoded(notice).ok());
  notice = good_notice();
  notice.reserved = 1;
  CHECK_FALSE(decoded(notice).ok());
  notice = good_notice();
  std::memset(notice.reason, 'x', sizeof notice.reason);
  CHECK_FALSE(decoded(notice).ok());
}

TEST_CASE("text is cut to fit its field and always ends") {
  char field[8];
  std::memset(field, 'x', sizeof field);
  set_text(field, "1234567890");
  CHECK(std::string(field) == "1234567");
  set_text(field, "1234567");
  CHECK(std::string(field) == "1234567");
  set_text(field, "");
  CHECK(std::string(field).empty());
}

}  // namespace
}  // namespace sluice::wire
