#include "wire/handshake.h"

#include <algorithm>
#include <cstring>

namespace sluice::wire {
namespace {

template <std::size_t N>
bool terminated(const char (&field)[N]) {
  return std::memchr(field, '\0', N) != nullptr;
}

bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '@' || c == '-';
}

bool token_character(char c) { return name_character(c) && c != '.' && c != '@'; }

// Programs name themselves freely; what reaches a log or a terminal is printable ASCII.
template <std::size_t N>
void make_printable(char (&field)[N]) {
  for (char& c : field)
    if (c != '\0' && (c < ' ' || c > '~')) c = '?';
}

}  // namespace

bool valid_tenant_name(std::string_view name) {
  return !name.empty() && name.size() < name_bytes_max && name[0] != '-' && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), name_character);
}

bool valid_token_text(std::string_view text) {
  return !text.empty() && text.size() < token_bytes_max && std::all_of(text.begin(), text.end(), token_character);
}

Result<AttachRequest> decode_attach_request(std::span<const std::byte> bytes) {
  AttachRequest request;
  if (bytes.size() != sizeof request) return Status(Code::protocol_fault, "attach request of the wrong length");
  std::memcpy(&request, bytes.data(), sizeof request);
  if (request.magic != handshake_magic) return Status(Code::protocol_fault, "not an attach request");
  if (request.version != protocol_version)
    return Status(Code::unsupported, "the program's shim speaks protocol " + std::to_string(request.version) +
                                         ", this daemon speaks " + std::to_string(protocol_version));
  if (request.api != Api::opencl) return Status(Code::unsupported, "unknown API in the attach request");
  if (request.flags != 0) return Status(Code::protocol_fault, "unknown flags in the attach request");
  if (!terminated(request.tenant) || !terminated(request.program) || !terminated(request.token))
    return Status(Code::protocol_fault, "unterminated text in the attach request");
  if (request.tenant[0] != '\0' && !valid_tenant_name(request.tenant))
    return Status(Code::invalid_argument, "a tenant's name is 1 to 63 of letters, digits and . _ @ -");
  if (request.token[0] != '\0' && !valid_token_text(request.token))
    return Status(Code::invalid_argument, "what the program gave as its token is none");
  make_printable(request.program);
  return request;
}

std::vector<std::byte> encode_attach_reply(const AttachReply& reply, const DeviceTraits& traits) {
  Encoder encoder;
  encode(encoder, traits);
  std::vector<std::byte> bytes(sizeof reply + encoder.bytes().size());
  std::memcpy(bytes.data(), &reply, sizeof reply);
  std::copy(encoder.bytes().begin(), encoder.bytes().end(), bytes.begin() + sizeof reply);
  return bytes;
}

Result<Attachment> decode_attach_reply(std::span<const std::byte> bytes) {
  Attachment attachment;
  AttachReply& reply = attachment.reply;
  if (bytes.size() < sizeof reply) return Status(Code::protocol_fault, "attach reply too short");
  std::memcpy(&reply, bytes.data(), sizeof reply);
  if (reply.magic != handshake_magic || reply.version != protocol_version)
    return Status(Code::protocol_fault, "the daemon speaks another protocol");
  if (!terminated(reply.tenant) || !terminated(reply.reason))
    return Status(Code::protocol_fault, "unterminated text in the attach reply");
  if (reply.granted == 0) return attachment;
  Decoder decoder(bytes.subspan(sizeof reply));
  attachment.traits = decode_device_traits(decoder);
  if (!decoder.ok()) return Status(Code::protocol_fault, "attach reply too short");
  return attachment;
}

Result<EndNotice> decode_end_notice(std::span<const std::byte> bytes) {
  EndNotice notice;
  if (bytes.size() != sizeof notice) return Status(Code::protocol_fault, "end notice of the wrong length");
  std::memcpy(&notice, bytes.data(), sizeof notice);
  if (notice.magic != handshake_magic || notice.version != protocol_version || notice.reserved != 0)
    return Status(Code::protocol_fault, "not an end notice");
  if (!terminated(notice.reason)) return Status(Code::protocol_fault, "unterminated text in the end notice");
  make_printable(notice.reason);
  return notice;
}

}  // namespace sluice::wire
