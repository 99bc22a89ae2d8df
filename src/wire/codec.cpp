#include "wire/codec.h"

namespace sluice::wire {

void Encoder::put_bytes(std::span<const std::byte> value) {
  put(static_cast<std::uint64_t>(value.size()));
  append(value);
}

std::span<const std::byte> Decoder::take(std::size_t size) {
  if (!ok_ || size > rest_.size()) {
    fail();
    return {};
  }
  const auto bytes = rest_.first(size);
  rest_ = rest_.subspan(size);
  return bytes;
}

std::span<const std::byte> Decoder::get_bytes() { return take(get<std::uint64_t>()); }

std::string Decoder::get_string() {
  const auto bytes = get_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t Decoder::get_count(std::size_t item_bytes_min) {
  const auto count = get<std::uint64_t>();
  if (!ok_ || count > rest_.size() / item_bytes_min) {
    fail();
    return 0;
  }
  return count;
}

}  // namespace sluice::wire
