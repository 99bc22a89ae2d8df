// The frame around each record that leaves a process: on the worker link, and in the daemon's own files.
//
//   u32 version | u32 length | as many bytes of fields
//
// A reader accepts its own version alone: a worker or a file may be older or newer than the daemon that reads it, and
// is then refused with a reason, never misread.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "wire/codec.h"

namespace sluice {

void put_frame(wire::Encoder& encoder, std::uint32_t version, std::span<const std::byte> fields);

// A view of the fields. protocol_fault: the frame is not whole, or of another version; the reason names `what`.
Result<std::span<const std::byte>> get_frame(wire::Decoder& decoder, std::uint32_t version, const char* what);

// Fails what does not end where its frame ends.
Status check_whole(const wire::Decoder& decoder, const char* what);

}  // namespace sluice
