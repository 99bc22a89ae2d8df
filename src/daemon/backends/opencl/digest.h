// SHA-256, through libcrypto: names cached builds, proves that a file is whole, makes stable ids.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sluice::backend::opencl {

using Digest = std::array<std::uint8_t, 32>;

class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void add(std::span<const std::byte> bytes);
  // With its length in front, so that neighbouring fields cannot run into each other.
  void add_field(std::string_view text);
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest digest_of(std::span<const std::byte> bytes);
std::string to_hex(std::span<const std::uint8_t> bytes);

}  // namespace sluice::backend::opencl
