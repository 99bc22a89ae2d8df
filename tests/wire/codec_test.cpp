#include "wire/codec.h"

#include <catch2/catch.hpp>
#include <limits>
#include <random>

namespace sluice::wire {
namespace {

std::span<const std::byte> view(const Encoder& encoder) { return encoder.bytes(); }

enum class Colour : std::uint16_t { red = 7 };

TEST_CASE("what is encoded is decoded, field by field") {
  Encoder encoder;
  encoder.put(std::uint8_t{0xAB});
  encoder.put(std::int32_t{-5});
  encoder.put(std::numeric_limits<std::uint64_t>::max());
  encoder.put(true);
  encoder.put(2.5);
  encoder.put(Colour::red);
  encoder.put_string("name");
  encoder.put_string("");
  Decoder decoder(view(encoder));
  CHECK(decoder.get<std::uint8_t>() == 0xAB);
  CHECK(decoder.get<std::int32_t>() == -5);
  CHECK(decoder.get<std::uint64_t>() == UINT64_MAX);
  CHECK(decoder.get<bool>());
  CHECK(decoder.get<double>() == 2.5);
  CHECK(decoder.get<Colour>() == Colour::red);
  CHECK(decoder.get_string() == "name");
  CHECK(decoder.get_string().empty());
  CHECK(decoder.ok());
  CHECK(decoder.at_end());
}

TEST_CASE("scalars lie in little-endian order without padding") {
  Encoder encoder;
  encoder.put(std::uint8_t{1});
  encoder.put(std::uint32_t{0x01020304});
  const std::vector<std::byte> expected{std::byte{1}, std::byte{4}, std::byte{3}, std::byte{2}, std::byte{1}};
  CHECK(encoder.bytes() == expected);
}

TEST_CASE("a short field fails the decoder, and it stays failed and gives zeroes") {
  Encoder encoder;
  encoder.put(std::uint32_t{0xFFFFFFFF});
  Decoder decoder(view(encoder));
  CHECK(decoder.get<std::uint64_t>() == 0);
  CHECK_FALSE(decoder.ok());
  CHECK(decoder.get<std::uint32_t>() == 0);  // although four bytes were there
  CHECK(decoder.get_string().empty());
  CHECK(decoder.get_count(1) == 0);
  CHECK_FALSE(decoder.ok());
}

TEST_CASE("a length beyond the bytes fails the decoder without an allocation") {
  for (std::uint64_t length : {std::uint64_t{4}, std::uint64_t{1} << 40, UINT64_MAX}) {
    Encoder encoder;
    encoder.put(length);
    encoder.put(std::uint16_t{0});
    encoder.put(std::uint8_t{0});  // three bytes follow
    Decoder decoder(view(encoder));
    CHECK(decoder.get_string().empty());
    CHECK_FALSE(decoder.ok());
  }
}

TEST_CASE("a count is believed only as far as the bytes that follow could hold it") {
  Encoder encoder;
  encoder.put(std::uint64_t{3});
  for (int i = 0; i < 3; ++i) encoder.put(std::uint64_t{0});
  CHECK(Decoder(view(encoder)).get_count(8) == 3);
  Decoder too_large(view(encoder));
  CHECK(too_large.get_count(9) == 0);
  CHECK_FALSE(too_large.ok());
  Encoder absurd;
  absurd.put(UINT64_MAX);
  Decoder decoder(view(absurd));
  CHECK(decoder.get_count(1) == 0);
  CHECK_FALSE(decoder.ok());
}

TEST_CASE("any byte but zero decodes to true, and only to true") {
  const std::byte two{2};
  Decoder decoder(std::span(&two, 1));
  const bool value = decoder.get<bool>();
  unsigned char raw = 0;
  std::memcpy(&raw, &value, 1);
  CHECK(raw == 1);
}

TEST_CASE("a decoder never reads past its bytes, whatever it is asked for") {
  std::mt19937 random(7);
  for (int round = 0; round < 5'000; ++round) {
    // A heap block of the exact size, so that AddressSanitizer sees any step beyond it.
    std::vector<std::byte> bytes(random() % 64);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 4 == 0 ? random() % 16 : 0);
    bytes.shrink_to_fit();
    Decoder decoder{std::span<const std::byte>(bytes)};
    std::size_t taken = 0;
    for (int step = 0; step < 20; ++step) {
      switch (random() % 4) {
        case 0: decoder.get<std::uint64_t>(); break;
        case 1: decoder.get<std::uint8_t>(); break;
        case 2: taken += decoder.get_bytes().size(); break;
        default: taken += decoder.get_count(1 + random() % 8); break;
      }
    }
    REQUIRE(taken <= 20 * bytes.size());
    const bool settled = decoder.at_end() || decoder.ok();
    REQUIRE(settled);
  }
}

}  // namespace
}  // namespace sluice::wire
