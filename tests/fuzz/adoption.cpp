// What a worker of an earlier daemon says to the next one, and the note that it is compared with.
//
// Input: u8 choice | u16 length | that many bytes of a note | the claim. Choice 1 puts the note's own record into a
// claim, so that the later checks are reached; its bits 4 to 7 say which descriptor is of another kind, or missing.
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "daemon/server/sessions/adoption_claim.h"
#include "daemon/sessions/worker_link.h"
#include "tests/fuzz/check.h"

namespace {

using namespace sluice;
using namespace sluice::server;

std::vector<UniqueFd> descriptors(unsigned wrong) {
  std::vector<UniqueFd> fds;
  for (std::size_t at = 0; at < adopt_fds; ++at) {
    const bool event = at == wrong;
    fds.emplace_back(event ? eventfd(0, EFD_CLOEXEC) : memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  }
  if (wrong == adopt_fds) fds.pop_back();
  return fds;
}

std::vector<std::byte> claim_of(const SessionNote& note) {
  WorkerMessage claim;
  claim.kind = WorkerMessageKind::adopt;
  claim.record = note.record;
  return encode_worker_message(claim);
}

void check_note(const SessionNote& note) {
  FUZZ_CHECK(std::memchr(note.record.tenant, 0, sizeof note.record.tenant) != nullptr);
  FUZZ_CHECK(std::memchr(note.record.program, 0, sizeof note.record.program) != nullptr);
  const auto again = decode_session_note(encode_session_note(note));
  FUZZ_CHECK(again.ok() && again.value().record == note.record);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint16_t length = 0;
  if (size < 1 + sizeof length) return 0;
  std::memcpy(&length, data + 1, sizeof length);
  const auto rest = fuzz_input(data + 3, size - 3);
  const auto noted = rest.first(std::min<std::size_t>(length, rest.size()));
  const auto claimed = rest.subspan(noted.size());
  const auto note = decode_session_note(noted);
  if (!note.ok()) return 0;
  check_note(note.value());
  const unsigned wrong = data[0] >> 4;
  UntrustedMessage message;
  message.bytes.assign(claimed.begin(), claimed.end());
  if ((data[0] & 1) != 0) message.bytes = claim_of(note.value());
  message.fds = descriptors(wrong);
  if (!check_claim(message, note.value()).ok()) return 0;
  FUZZ_CHECK(wrong > adopt_fds);
  FUZZ_CHECK(decode_worker_message(message.bytes).value().record == note.value().record);
  return 0;
}
