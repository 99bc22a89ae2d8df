#include "daemon/backends/opencl/binary_container.h"

#include <catch2/catch.hpp>

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
  container.attributes = {{"blur", "reqd_work_group_size(8,8,1)"}, {"sum", "vec_type_hint(float4)"}};
  return container;
}

TEST_CASE("a container comes back as it was packed") {
  const BinaryContainer container = example();
  const auto back = unpack(pack(container), container.make);
  REQUIRE(back);
  CHECK(back->kind == container.kind);
  CHECK(back->log == container.log);
  CHECK(back->native == container.native);
  CHECK(back->attributes == container.attributes);
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
