#include "daemon/sessions/worker_link.h"

#include <cstring>

#include "wire/codec.h"

namespace sluice {
namespace {

constexpr std::size_t device_bytes_min = 256;

}  // namespace

std::vector<std::byte> encode_worker_message(const WorkerMessage& message) {
  wire::Encoder encoder;
  encoder.put(message.kind);
  encoder.put(static_cast<std::uint64_t>(message.devices.size()));
  for (const wire::DeviceTraits& traits : message.devices) encode(encoder, traits);
  encoder.put_bytes(std::as_bytes(std::span(&message.record, 1)));
  encoder.put_string(message.cache_folder);
  encoder.put_string(message.text);
  return encoder.take();
}

Result<WorkerMessage> decode_worker_message(std::span<const std::byte> bytes) {
  WorkerMessage message;
  wire::Decoder decoder(bytes);
  message.kind = decoder.get<WorkerMessageKind>();
  const std::size_t devices = decoder.get_count(device_bytes_min);
  for (std::size_t i = 0; i < devices && decoder.ok(); ++i)
    message.devices.push_back(wire::decode_device_traits(decoder));
  const auto record = decoder.get_bytes();
  message.cache_folder = decoder.get_string();
  message.text = decoder.get_string();
  if (!decoder.ok() || record.size() != sizeof message.record)
    return Status(Code::protocol_fault, "malformed message on the worker link");
  std::memcpy(&message.record, record.data(), record.size());
  message.record.tenant[wire::name_bytes_max - 1] = '\0';
  message.record.program[wire::name_bytes_max - 1] = '\0';
  return message;
}

}  // namespace sluice
