#include "wire/device_traits.h"

#include <catch2/catch.hpp>

#include "tests/wire/samples.h"

namespace sluice::wire {
namespace {

std::vector<std::byte> encoded(const DeviceTraits& traits) {
  Encoder encoder;
  encode(encoder, traits);
  return encoder.take();
}

TEST_CASE("a device's traits survive the wire") {
  const DeviceTraits before = sample_device_traits();
  const auto bytes = encoded(before);
  Decoder decoder(bytes);
  const DeviceTraits after = decode_device_traits(decoder);
  REQUIRE(decoder.ok());
  CHECK(decoder.at_end());
  CHECK(after.name == before.name);
  CHECK(after.profile == before.profile);
  CHECK(std::equal(std::begin(before.uuid), std::end(before.uuid), std::begin(after.uuid)));
  CHECK(after.kind == DeviceKind::accelerator);
  REQUIRE(after.extensions.size() == 2);
  CHECK(after.extensions[1].name == "cl_khr_icd");
  CHECK(after.extensions[1].version == 0x400000);
  CHECK(after.buffers_in_arena);
  CHECK(after.work_item_sizes_max[2] == 64);
  CHECK(after.native_widths.double_ == 8);
  CHECK_FALSE(after.compiler_available);
  CHECK(after.out_of_order_queues);
  CHECK(after.partitionable);
  CHECK(after.global_memory_bytes == before.global_memory_bytes);
  CHECK(after.global_cache == CacheKind::read_write);
  CHECK(after.image_3d_max[2] == 2048);
  REQUIRE(after.image_formats.size() == 1);
  CHECK(after.image_formats[0].kind == ImageKind::d3);
  CHECK(after.image_formats[0].uses == (image_read | image_write));
}

TEST_CASE("decoding and encoding again gives the same bytes, so no field is forgotten on one side") {
  const auto bytes = encoded(sample_device_traits());
  Decoder decoder(bytes);
  CHECK(encoded(decode_device_traits(decoder)) == bytes);
}

TEST_CASE("traits cut off at any byte are refused") {
  const auto bytes = encoded(sample_device_traits());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    Decoder decoder{std::span(bytes).first(length)};
    (void)decode_device_traits(decoder);
    REQUIRE_FALSE(decoder.ok());
  }
}

TEST_CASE("traits with any one byte changed decode to something bounded or are refused") {
  const auto good = encoded(sample_device_traits());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7F, 0xFF}) {
      auto bytes = good;
      bytes[at] = static_cast<std::byte>(value);
      Decoder decoder(bytes);
      const DeviceTraits traits = decode_device_traits(decoder);
      REQUIRE(traits.extensions.size() + traits.image_formats.size() <= bytes.size());
    }
  }
}

}  // namespace
}  // namespace sluice::wire
