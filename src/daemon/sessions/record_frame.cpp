#include "daemon/sessions/record_frame.h"

#include <string>

namespace sluice {

void put_frame(wire::Encoder& encoder, std::uint32_t version, std::span<const std::byte> fields) {
  encoder.put(version);
  encoder.put(static_cast<std::uint32_t>(fields.size()));
  encoder.append(fields);
}

Result<std::span<const std::byte>> get_frame(wire::Decoder& decoder, std::uint32_t version, const char* what) {
  const auto found = decoder.get<std::uint32_t>();
  const auto length = decoder.get<std::uint32_t>();
  if (decoder.ok() && found != version)
    return Status(Code::protocol_fault, std::string(what) + " has version " + std::to_string(found) +
                                            "; this program reads version " + std::to_string(version));
  const auto fields = decoder.take(length);
  if (!decoder.ok()) return Status(Code::protocol_fault, std::string(what) + " is cut short");
  return fields;
}

Status check_whole(const wire::Decoder& decoder, const char* what) {
  if (!decoder.ok()) return Status(Code::protocol_fault, std::string(what) + " is malformed");
  if (!decoder.at_end()) return Status(Code::protocol_fault, std::string(what) + " is longer than it may be");
  return Status();
}

}  // namespace sluice
