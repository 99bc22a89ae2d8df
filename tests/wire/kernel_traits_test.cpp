#include "wire/kernel_traits.h"

#include <catch2/catch.hpp>

#include "tests/wire/samples.h"

namespace sluice::wire {
namespace {

template <typename Blob>
std::vector<std::byte> encoded(const Blob& blob) {
  Encoder encoder;
  encode(encoder, blob);
  return encoder.take();
}

TEST_CASE("a build request survives the wire") {
  const auto bytes = encoded(sample_build_request());
  Decoder decoder(bytes);
  const BuildRequest after = decode_build_request(decoder);
  REQUIRE(decoder.ok());
  CHECK(decoder.at_end());
  CHECK(after.verb == BuildVerb::link);
  CHECK(after.source == "kernel void scale() {}");
  CHECK(after.options == "-cl-fast-relaxed-math -DN=4");
  REQUIRE(after.headers.size() == 2);
  CHECK(after.headers[0].source == "#define A 1\n");
  CHECK(after.headers[1].include_name == "b/c.h");
  CHECK(after.inputs == std::vector<std::uint64_t>{3, 9, UINT64_MAX});
  CHECK(encoded(after) == bytes);
}

TEST_CASE("a build reply survives the wire with every kernel and argument") {
  const auto bytes = encoded(sample_build_reply());
  Decoder decoder(bytes);
  const BuildReply after = decode_build_reply(decoder);
  REQUIRE(decoder.ok());
  CHECK(decoder.at_end());
  CHECK(after.outcome == Outcome::ok);
  CHECK(after.binary_kind == BinaryKind::executable);
  REQUIRE(after.kernels.size() == 2);
  const KernelTraits& kernel = after.kernels[0];
  CHECK(kernel.name == "scale");
  CHECK(kernel.required_work_group[0] == 64);
  CHECK(kernel.has_argument_info);
  REQUIRE(kernel.arguments.size() == 3);
  CHECK(kernel.arguments[0].qualifiers == qualifier_restrict);
  CHECK(kernel.arguments[1].type_name == "float");
  CHECK(kernel.arguments[2].access == ArgumentAccess::read_only);
  CHECK(after.kernels[1].arguments.empty());
  CHECK(encoded(after) == bytes);
}

TEST_CASE("the smallest kernels and arguments that can be sent are accepted") {
  BuildReply reply;
  reply.kernels.resize(50);
  reply.kernels[49].arguments.resize(50);
  const auto bytes = encoded(reply);
  Decoder decoder(bytes);
  CHECK(decode_build_reply(decoder).kernels[49].arguments.size() == 50);
  CHECK(decoder.ok());
}

TEST_CASE("build blobs cut off at any byte are refused") {
  const auto request = encoded(sample_build_request());
  for (std::size_t length = 0; length < request.size(); ++length) {
    Decoder decoder{std::span(request).first(length)};
    (void)decode_build_request(decoder);
    REQUIRE_FALSE(decoder.ok());
  }
  const auto reply = encoded(sample_build_reply());
  for (std::size_t length = 0; length < reply.size(); ++length) {
    Decoder decoder{std::span(reply).first(length)};
    (void)decode_build_reply(decoder);
    REQUIRE_FALSE(decoder.ok());
  }
}

TEST_CASE("a binary says what it is, and what is no binary is none") {
  std::string binary(program_binary_magic);
  CHECK(kind_of_binary(binary) == BinaryKind::none);
  binary.resize(program_binary_kind_at + 1);
  binary[program_binary_kind_at] = static_cast<char>(BinaryKind::library);
  CHECK(kind_of_binary(binary) == BinaryKind::library);
  binary[program_binary_kind_at] = 99;
  CHECK(kind_of_binary(binary) == BinaryKind::none);
  binary[program_binary_kind_at] = static_cast<char>(BinaryKind::library);
  binary[0] ^= 1;
  CHECK(kind_of_binary(binary) == BinaryKind::none);
}

TEST_CASE("counts in a build request cannot ask for more memory than its bytes justify") {
  Encoder encoder;
  encoder.put(BuildVerb::compile);
  encoder.put_string("");
  encoder.put_string("");
  encoder.put(std::uint64_t{1} << 50);  // headers
  Decoder decoder(encoder.bytes());
  const BuildRequest request = decode_build_request(decoder);
  CHECK_FALSE(decoder.ok());
  CHECK(request.headers.empty());
}

}  // namespace
}  // namespace sluice::wire
