#include "daemon/backends/opencl/digest.h"

#include <catch2/catch.hpp>

namespace sluice::backend::opencl {
namespace {

TEST_CASE("the digest is SHA-256") {
  const std::string_view text = "abc";
  CHECK(to_hex(digest_of(std::as_bytes(std::span(text)))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("fields that join to the same text have different digests") {
  const auto digest = [](std::string_view a, std::string_view b) {
    Hasher hasher;
    hasher.add_field(a);
    hasher.add_field(b);
    return hasher.finish();
  };
  CHECK(digest("ab", "c") != digest("a", "bc"));
  CHECK(digest("ab", "c") == digest("ab", "c"));
}

}  // namespace
}  // namespace sluice::backend::opencl
