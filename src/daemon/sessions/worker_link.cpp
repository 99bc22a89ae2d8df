#include "daemon/sessions/worker_link.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "daemon/sessions/record_frame.h"
#include "wire/codec.h"

namespace sluice {
namespace {

constexpr std::uint32_t link_magic = 0x4B4C4C53;  // "SLLK"
constexpr std::uint32_t device_traits_version = 1;
constexpr std::size_t device_frame_bytes_min = 256;
constexpr std::size_t probed_devices_max = 256;

// What a message of each kind holds.
struct Parts {
  WorkerMessageKind kind;
  std::size_t devices_max;
  bool record, text, move = false;
};
using enum WorkerMessageKind;
constexpr std::array all_parts{
    Parts{ready, 1, false, true},         Parts{probed, probed_devices_max, false, true},
    Parts{attached, 0, false, false},     Parts{ended, 0, false, true},
    Parts{released, 0, false, false},     Parts{adopt, 0, true, false},
    Parts{attach, 0, true, false},        Parts{adopted, 0, false, false},
    Parts{program_gone, 0, false, false}, Parts{give, 0, false, false},
    Parts{receive, 0, true, false},       Parts{prepared, 0, false, false},
    Parts{moved, 0, false, false, true},  Parts{kept, 0, false, true},
};

const Parts* parts_of(WorkerMessageKind kind) {
  const auto* found =
      std::find_if(all_parts.begin(), all_parts.end(), [kind](const Parts& parts) { return parts.kind == kind; });
  return found == all_parts.end() ? nullptr : found;
}

void put_devices(wire::Encoder& body, const std::vector<wire::DeviceTraits>& devices) {
  body.put(static_cast<std::uint64_t>(devices.size()));
  for (const wire::DeviceTraits& traits : devices) {
    wire::Encoder fields;
    encode(fields, traits);
    put_frame(body, device_traits_version, fields.bytes());
  }
}

Result<wire::DeviceTraits> get_device(wire::Decoder& body) {
  const auto framed = SLUICE_TRY(get_frame(body, device_traits_version, "a device's description"));
  wire::Decoder fields(framed);
  wire::DeviceTraits traits = wire::decode_device_traits(fields);
  SLUICE_TRY(check_whole(fields, "a device's description"));
  return traits;
}

Status get_devices(wire::Decoder& body, std::size_t count_max, std::vector<wire::DeviceTraits>& devices) {
  const std::size_t count = body.get_count(device_frame_bytes_min);
  if (count > count_max) return Status(Code::protocol_fault, "too many devices in a message on the worker link");
  for (std::size_t i = 0; i < count; ++i) {
    wire::DeviceTraits device = SLUICE_TRY(get_device(body));
    devices.push_back(std::move(device));
  }
  return Status();
}

template <typename Visitor, typename Report>
void visit_move(Visitor visitor, Report& move) {
  visitor(move.pause_ns), visitor(move.bytes), visitor(move.bytes_in_pause), visitor(move.objects),
      visitor(move.rounds);
}

std::string get_text(wire::Decoder& body, std::size_t bytes_max) {
  std::string text = body.get_string();
  if (text.size() > bytes_max) body.fail();
  return text;
}

Status get_parts(wire::Decoder& body, const Parts& parts, WorkerMessage& message) {
  if (parts.devices_max > 0) SLUICE_TRY(get_devices(body, parts.devices_max, message.devices));
  if (parts.record) message.record = SLUICE_TRY(get_session_record(body));
  if (parts.move) visit_move(wire::DecodeVisitor(body), message.move);
  if (parts.text) message.text = get_text(body, worker_text_bytes_max);
  return check_whole(body, "a message on the worker link");
}

}  // namespace

std::vector<std::byte> encode_worker_message(const WorkerMessage& message) {
  wire::Encoder body;
  if (const Parts* parts = parts_of(message.kind); parts != nullptr) {
    if (parts->devices_max > 0) put_devices(body, message.devices);
    if (parts->record) put_session_record(body, message.record);
    if (parts->move) visit_move(wire::EncodeVisitor(body), message.move);
    if (parts->text) body.put_string(std::string_view(message.text).substr(0, worker_text_bytes_max));
  }
  wire::Encoder encoder;
  encoder.put(link_magic);
  encoder.put(worker_link_version);
  encoder.put(message.kind);
  encoder.put(static_cast<std::uint32_t>(body.bytes().size()));
  encoder.append(body.bytes());
  return encoder.take();
}

Result<WorkerMessage> decode_worker_message(std::span<const std::byte> bytes) {
  wire::Decoder decoder(bytes);
  const auto magic = decoder.get<std::uint32_t>();
  const auto version = decoder.get<std::uint32_t>();
  const auto kind = decoder.get<WorkerMessageKind>();
  const auto length = decoder.get<std::uint32_t>();
  if (!decoder.ok() || magic != link_magic) return Status(Code::protocol_fault, "not a message of the worker link");
  if (version != worker_link_version)
    return Status(Code::protocol_fault, "the worker link has version " + std::to_string(version) + " there and " +
                                            std::to_string(worker_link_version) + " here");
  const Parts* parts = parts_of(kind);
  if (parts == nullptr) return Status(Code::protocol_fault, "an unknown kind of message on the worker link");
  wire::Decoder body(decoder.take(length));
  if (!decoder.ok() || !decoder.at_end())
    return Status(Code::protocol_fault, "a message on the worker link has another length than it says");
  WorkerMessage message;
  message.kind = kind;
  SLUICE_TRY(get_parts(body, *parts, message));
  return message;
}

}  // namespace sluice
