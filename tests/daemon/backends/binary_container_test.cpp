#include "daemon/backends/opencl/binary_container.h"

#include <catch2/catch.hpp>
#include <cstring>

namespace sluice::backend::opencl {
namespace {

BinaryContainer example() {
  BinaryContainer container;
  container.kind = wire::BinaryKind::executable;
  container.make.fill(7);
  container.log = "1 warning generated.";
  container.native = std::string(
      "\x7f"
      "ELF\0\0native",
      12);
  container.kernels = {{"blur", {"reqd_work_group_size(8,8,1)", {Divisible::never, "uses get_num_groups"}}},
                       {"sum", {"vec_type_hint(float4)", {Divisible::always, ""}}}};
  return container;
}

TEST_CASE("a container comes back as it was packed") {
  const BinaryContainer container = example();
  const auto back = unpack(pack(container), container.make);
  REQUIRE(back);
  CHECK(back->kind == container.kind);
  CHECK(back->log == container.log);
  CHECK(back->native == container.native);
  CHECK(back->kernels == container.kernels);
}

// The same bytes with another version and a checksum that fits.
std::string as_version(std::uint32_t version, const BinaryContainer& container) {
  std::string bytes = pack(container);
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  bytes.resize(bytes.size() - sizeof(Digest));
  const Digest checksum = digest_of(std::as_bytes(std::span(bytes)));
  return bytes.append(reinterpret_cast<const char*>(checksum.data()), sizeof checksum);
}

TEST_CASE("a container that a program has kept since the first version is still read, one of a later version is not") {
  BinaryContainer container = example();
  CHECK_FALSE(unpack(as_version(1, container), container.make));  // had no notes on kernels
  container.kernels.clear();
  const auto back = unpack(as_version(1, container), container.make);
  REQUIRE(back);
  CHECK(back->native == container.native);
  CHECK(back->kernels.empty());
  CHECK_FALSE(unpack(as_version(0, container), container.make));
  CHECK_FALSE(unpack(as_version(4, container), container.make));
}

TEST_CASE("every flipped bit makes a container invalid") {
  const BinaryContainer container = example();
  const std::string bytes = pack(container);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    REQUIRE_FALSE(unpack(changed, container.make));
  }
}

TEST_CASE("a container cut short or with more behind it is invalid") {
  const BinaryContainer container = example();
  const std::string bytes = pack(container);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_FALSE(unpack(std::string_view(bytes).substr(0, length), container.make));
  CHECK_FALSE(unpack(bytes + "x", container.make));
}

TEST_CASE("a container of another make is invalid") {
  const BinaryContainer container = example();
  Digest other = container.make;
  other[31] = 8;
  CHECK_FALSE(unpack(pack(container), other));
}

}  // namespace
}  // namespace sluice::backend::opencl
