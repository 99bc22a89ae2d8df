// The first bytes that a stranger sends to the daemon, the daemon's answer as a program reads it, and the
// worker's last words. The first byte of the input says which.
#include "wire/handshake.h"

#include <cstring>

#include "tests/fuzz/check.h"

namespace sluice::wire {
namespace {

template <std::size_t N>
bool printable(const char (&field)[N]) {
  for (const char c : field) {
    if (c == '\0') return true;
    if (c < ' ' || c > '~') return false;
  }
  return false;
}

void try_request(std::span<const std::byte> bytes) {
  const auto decoded = decode_attach_request(bytes);
  if (!decoded.ok()) {
    FUZZ_CHECK(!decoded.status().message().empty());
    return;
  }
  const AttachRequest& request = decoded.value();
  FUZZ_CHECK(printable(request.program));
  FUZZ_CHECK(printable(request.tenant));
  FUZZ_CHECK(printable(request.token));
  FUZZ_CHECK(request.tenant[0] == '\0' || valid_tenant_name(request.tenant));
  FUZZ_CHECK(request.token[0] == '\0' || valid_token_text(request.token));
  FUZZ_CHECK(request.flags == 0);
  FUZZ_CHECK(decode_attach_request(std::as_bytes(std::span(&request, 1))).ok());
}

void try_reply(std::span<const std::byte> bytes) {
  const auto decoded = decode_attach_reply(bytes);
  if (!decoded.ok() || decoded.value().reply.granted == 0) return;
  const auto again = encode_attach_reply(decoded.value().reply, decoded.value().traits);
  FUZZ_CHECK(again.size() <= bytes.size());
  FUZZ_CHECK(decode_attach_reply(again).ok());
}

void try_notice(std::span<const std::byte> bytes) {
  const auto decoded = decode_end_notice(bytes);
  if (!decoded.ok()) return;
  FUZZ_CHECK(printable(decoded.value().reason));
  FUZZ_CHECK(decode_end_notice(std::as_bytes(std::span(&decoded.value(), 1))).ok());
}

}  // namespace
}  // namespace sluice::wire

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = fuzz_input(data + 1, size - 1);
  if (data[0] % 3 == 0) sluice::wire::try_request(bytes);
  else if (data[0] % 3 == 1) sluice::wire::try_reply(bytes);
  else sluice::wire::try_notice(bytes);
  return 0;
}
