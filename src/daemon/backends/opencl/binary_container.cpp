#include "daemon/backends/opencl/binary_container.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace sluice::backend::opencl {
namespace {

constexpr std::string_view magic = wire::program_binary_magic;

struct Header {
  char magic[8] = {};
  std::uint32_t version = container_version;
  wire::BinaryKind kind{};
  std::uint8_t zero[3] = {};
  Digest make{};
  std::uint64_t log_bytes = 0;
  std::uint64_t native_bytes = 0;
};
static_assert(offsetof(Header, kind) == wire::program_binary_kind_at);
static_assert(sizeof(Header) == 64 && offsetof(Header, make) == 16 && offsetof(Header, log_bytes) == 48);

std::string_view as_text(const auto& value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

bool holds_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

std::string packed_notes(const std::map<std::string, KernelNotes>& kernels) {
  std::string bytes;
  for (const auto& [name, notes] : kernels) {
    const std::string& because = notes.division.because;
    if (holds_nul(name) || holds_nul(notes.attributes) || holds_nul(because)) continue;
    bytes.append(name).append(1, '\0').append(notes.attributes).append(1, '\0');
    bytes.append(1, static_cast<char>('0' + static_cast<int>(notes.division.divisible)));
    bytes.append(because).append(1, '\0');
  }
  return bytes;
}

bool unpack_division(std::string_view text, Division& division) {
  if (text.empty() || text[0] < '0' || text[0] > '0' + static_cast<int>(Divisible::always)) return false;
  division = {static_cast<Divisible>(text[0] - '0'), std::string(text.substr(1))};
  return true;
}

// False: not rows of whole strings.
bool unpack_notes(std::string_view bytes, std::uint32_t version, std::map<std::string, KernelNotes>& kernels) {
  const auto next = [&](std::string& text) {
    const std::size_t end = bytes.find('\0');
    if (end == std::string_view::npos) return false;
    text = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return true;
  };
  while (!bytes.empty()) {
    std::string name, division;
    KernelNotes notes;
    if (!next(name) || !next(notes.attributes)) return false;
    if (version >= 3 && (!next(division) || !unpack_division(division, notes.division))) return false;
    kernels[name] = std::move(notes);
  }
  return true;
}

Digest checksum_of(std::string_view bytes) { return digest_of(std::as_bytes(std::span(bytes))); }

}  // namespace

std::string pack(const BinaryContainer& container) {
  Header header;
  std::copy(magic.begin(), magic.end(), header.magic);
  header.kind = container.kind;
  header.make = container.make;
  header.log_bytes = container.log.size();
  header.native_bytes = container.native.size();
  std::string bytes(as_text(header));
  bytes.append(container.log).append(container.native).append(packed_notes(container.kernels));
  bytes.append(as_text(checksum_of(bytes)));
  return bytes;
}

std::optional<BinaryContainer> unpack(std::string_view bytes, const Digest& make) {
  Header header;
  constexpr std::size_t frame_bytes = sizeof header + sizeof(Digest);
  if (bytes.size() < frame_bytes) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::size_t payload_bytes = bytes.size() - frame_bytes;
  if (std::string_view(header.magic, sizeof header.magic) != magic || header.version == 0 ||
      header.version > container_version || header.make != make || header.kind == wire::BinaryKind::none ||
      header.kind > wire::BinaryKind::executable)
    return std::nullopt;
  if (header.log_bytes > payload_bytes || header.native_bytes > payload_bytes - header.log_bytes) return std::nullopt;
  const std::size_t notes_bytes = payload_bytes - header.log_bytes - header.native_bytes;
  if (header.version == 1 && notes_bytes != 0) return std::nullopt;
  const Digest checksum = checksum_of(bytes.substr(0, bytes.size() - sizeof(Digest)));
  if (std::memcmp(checksum.data(), bytes.data() + bytes.size() - sizeof checksum, sizeof checksum) != 0)
    return std::nullopt;
  BinaryContainer container{header.kind, header.make, {}, {}};
  bytes.remove_prefix(sizeof header);
  container.log = bytes.substr(0, header.log_bytes);
  container.native = bytes.substr(header.log_bytes, header.native_bytes);
  const std::string_view notes = bytes.substr(header.log_bytes + header.native_bytes, notes_bytes);
  if (!unpack_notes(notes, header.version, container.kernels)) return std::nullopt;
  return container;
}

}  // namespace sluice::backend::opencl
