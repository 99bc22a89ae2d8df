#include "base/units.h"

#include <catch2/catch.hpp>
#include <random>

#include "base/clock.h"

namespace sluice {
namespace {

std::uint32_t milli(const char* text) {
  const auto share = parse_milli_gpu(text);
  INFO(text);
  REQUIRE(share.ok());
  return share.value().value;
}

std::uint64_t bytes(const char* text) {
  const auto parsed = parse_bytes(text);
  INFO(text);
  REQUIRE(parsed.ok());
  return parsed.value();
}

TEST_CASE("a share of a GPU is written in thousandths or in whole devices") {
  CHECK(milli("250m") == 250);
  CHECK(milli("0m") == 0);
  CHECK(milli("1") == 1000);
  CHECK(milli("0.25") == 250);
  CHECK(milli("1.001") == 1001);
  CHECK(milli("2.5000") == 2500);
  CHECK(milli("1000") == 1'000'000);
  CHECK(milli("1000000m") == 1'000'000);
}

TEST_CASE("a share that is not a whole number of thousandths is refused") {
  for (const char* text :
       {"", "m", ".", "-1", "+1", " 1", "1 ", "0.0001", "0.5m", "1M", "1mm", "1e3", "0x10", "1,5", "nan"}) {
    INFO(text);
    CHECK(parse_milli_gpu(text).status().code() == Code::invalid_argument);
  }
}

TEST_CASE("a share beyond any machine is refused, also where it would wrap around") {
  for (const char* text : {"1001", "1000001m", "18446744073709552", "9223372036854775807", "99999999999999999999m"}) {
    INFO(text);
    CHECK(parse_milli_gpu(text).status().code() == Code::invalid_argument);
  }
}

TEST_CASE("shares print as they are read") {
  CHECK(format_milli_gpu(MilliGpu{250}) == "250m");
  CHECK(format_milli_gpu(whole_gpu) == "1000m");
  for (std::uint32_t value : {0u, 1u, 999u, 1000u, 123'456u})
    CHECK(milli(format_milli_gpu(MilliGpu{value}).c_str()) == value);
}

TEST_CASE("bytes are read with binary and decimal units") {
  CHECK(bytes("0") == 0);
  CHECK(bytes("4096") == 4096);
  CHECK(bytes("17B") == 17);
  CHECK(bytes("1KiB") == 1024);
  CHECK(bytes("512MiB") == 512ull << 20);
  CHECK(bytes("2GiB") == 2ull << 30);
  CHECK(bytes("3TiB") == 3ull << 40);
  CHECK(bytes("1KB") == 1000);
  CHECK(bytes("1MB") == 1'000'000);
  CHECK(bytes("2GB") == 2'000'000'000);
  CHECK(bytes("1TB") == 1'000'000'000'000);
  CHECK(bytes("1.5GiB") == 3ull << 29);
  CHECK(bytes("0.5KiB") == 512);
  CHECK(bytes("9223372036854775807") == INT64_MAX);
}

TEST_CASE("bytes that are not whole, too many, or of an unknown unit are refused") {
  for (const char* text : {"", "GiB", "-1", "1 GiB", "0.3B", "1.0001KiB", "9223372036854775808", "8388608TiB",
                           "99999999TiB", "1gib", "1G", "1KiBB", "0.00000000001TiB"}) {
    INFO(text);
    CHECK(parse_bytes(text).status().code() == Code::invalid_argument);
  }
}

TEST_CASE("bytes print in the unit that a person would choose") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(17) == "17 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1 KiB");
  CHECK(format_bytes(3ull << 19) == "1.5 MiB");
  CHECK(format_bytes(2ull << 30) == "2 GiB");
  CHECK(format_bytes((1ull << 30) + (1ull << 28)) == "1.25 GiB");
  CHECK(format_bytes(100ull << 20) == "100 MiB");
  CHECK(format_bytes(UINT64_MAX) == "16777216 TiB");
}

TEST_CASE("times print in the unit that a person would choose") {
  CHECK(format_duration(0) == "0 ns");
  CHECK(format_duration(417) == "417 ns");
  CHECK(format_duration(20'500) == "20.5 us");
  CHECK(format_duration(1'250'000) == "1.25 ms");
  CHECK(format_duration(3'700'000'000) == "3.70 s");
}

TEST_CASE("no text makes the unit parsers misbehave, and what they accept they print back") {
  std::mt19937 random(20240611);
  const std::string letters = "0123456789.mKMGTiB -+e";
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    INFO("'" << text << "'");
    if (const auto share = parse_milli_gpu(text); share.ok())
      REQUIRE(milli(format_milli_gpu(share.value()).c_str()) == share.value().value);
    if (const auto size = parse_bytes(text); size.ok()) REQUIRE(size.value() <= INT64_MAX);
  }
}

TEST_CASE("the clock does not go back") {
  Nanoseconds before = now_ns();
  for (int i = 0; i < 1000; ++i) {
    const Nanoseconds now = now_ns();
    REQUIRE(now >= before);
    before = now;
  }
}

}  // namespace
}  // namespace sluice
