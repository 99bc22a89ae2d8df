// The handshake on the tenant socket: one request, one answer, then the program and its worker talk alone.
//
//   program -> sluiced   AttachRequest                  no descriptor: a request that brings one is refused
//   sluiced -> program   AttachReply | DeviceTraits     + descriptors in the order of ReplyFd (if granted)
//
// The session socket joins program and worker directly. Its closing is how each side learns of the other's death, also
// when the daemon is gone. The program sends nothing on it; the worker sends one message at most:
//
//   worker -> program    EndNotice                      why the session ends
//
// What kernels print travels over a pipe: the worker's stdout is its write end, and the program copies what comes out
// of it to its own stdout. So no descriptor of the program is ever in the worker.
//
// Every field of a request is hostile. Strings are fixed, NUL-terminated and bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/units.h"
#include "wire/device_traits.h"

namespace sluice::wire {

inline constexpr std::uint32_t handshake_magic = 0x43554C53;  // "SLUC"
inline constexpr std::uint16_t protocol_version = 5;
inline constexpr std::size_t name_bytes_max = 64;  // with the terminating NUL
inline constexpr std::size_t token_bytes_max = 128;
inline constexpr std::size_t reason_bytes_max = 512;

enum class Api : std::uint16_t { opencl = 1 };

struct AttachRequest {
  std::uint32_t magic = handshake_magic;
  std::uint16_t version = protocol_version;
  Api api = Api::opencl;
  char tenant[name_bytes_max] = {};   // empty: whichever the peer may use
  char program[name_bytes_max] = {};  // shown by `sluice sessions`, never believed
  std::uint32_t gpu_milli = 0;        // 0: all that the tenant's slice has
  std::uint32_t flags = 0;            // must be 0
  std::uint64_t memory_bytes = 0;     // 0: the tenant's default
  char token[token_bytes_max] = {};   // what shows that the peer may use the tenant; empty: the kernel's word is enough
};
static_assert(sizeof(AttachRequest) == 280 && offsetof(AttachRequest, gpu_milli) == 136 &&
              offsetof(AttachRequest, token) == 152);

struct AttachReply {
  std::uint32_t magic = handshake_magic;
  std::uint16_t version = protocol_version;
  std::uint16_t granted = 0;  // 1: the rest holds; 0: `reason` says why not
  std::int32_t code = 0;      // sluice::Code of a refusal
  std::uint32_t gpu_milli = 0;
  std::uint64_t session_id = 0;
  std::uint64_t memory_bytes = 0;  // the slice's limit
  std::uint64_t control_bytes = 0;
  std::uint64_t arena_bytes = 0;
  std::uint64_t arena_address = 0;   // where it should lie (arena_home)
  char tenant[name_bytes_max] = {};  // who the daemon says this is
  char reason[reason_bytes_max] = {};
};
static_assert(sizeof(AttachReply) == 632 && offsetof(AttachReply, session_id) == 16);

enum ReplyFd : std::size_t {
  reply_fd_control,  // ControlPage and ring
  reply_fd_arena,
  reply_fd_session,  // the program's end of the session socket
  reply_fd_output,   // the read end of the output pipe; reading it does not block
  reply_fds,
};

struct EndNotice {
  std::uint32_t magic = handshake_magic;
  std::uint16_t version = protocol_version;
  std::uint16_t reserved = 0;  // must be 0
  char reason[reason_bytes_max] = {};
};
static_assert(sizeof(EndNotice) == 520 && offsetof(EndNotice, reason) == 8);

// Checks all of it. The reason comes back printable: it goes to a terminal.
Result<EndNotice> decode_end_notice(std::span<const std::byte> bytes);

// Checks everything but who may be what: lengths, magic, version, termination, characters of names.
Result<AttachRequest> decode_attach_request(std::span<const std::byte> bytes);

std::vector<std::byte> encode_attach_reply(const AttachReply& reply, const DeviceTraits& traits);
struct Attachment {
  AttachReply reply;
  DeviceTraits traits;
};
Result<Attachment> decode_attach_reply(std::span<const std::byte> bytes);

// A name of a tenant: 1 to 63 of [A-Za-z0-9._@-], not starting with '-' or '.'.
bool valid_tenant_name(std::string_view name);

// What a token may look like: 1 to 127 of [A-Za-z0-9_-]. Whether it is one, the daemon knows.
bool valid_token_text(std::string_view text);

// Copies `text` into a fixed field, cutting it if it is too long; always terminates.
template <std::size_t N>
void set_text(char (&field)[N], std::string_view text) {
  const std::size_t length = text.size() < N ? text.size() : N - 1;
  text.copy(field, length);
  field[length] = '\0';
}

}  // namespace sluice::wire
