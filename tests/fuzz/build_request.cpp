// The two blobs of a program build, and the decoder below them. The first byte of the input says which.
#include "tests/fuzz/check.h"
#include "wire/kernel_traits.h"

namespace sluice::wire {
namespace {

// What decodes must encode to bytes that decode to the same again, and must not have grown.
template <typename Decode>
void round_trip(std::span<const std::byte> bytes, Decode decode) {
  Decoder decoder(bytes);
  const auto blob = decode(decoder);
  if (!decoder.ok()) return;
  Encoder first;
  encode(first, blob);
  FUZZ_CHECK(first.bytes().size() <= bytes.size());
  Decoder again(first.bytes());
  const auto copy = decode(again);
  FUZZ_CHECK(again.ok() && again.at_end());
  Encoder second;
  encode(second, copy);
  FUZZ_CHECK(first.bytes() == second.bytes());
}

}  // namespace
}  // namespace sluice::wire

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = fuzz_input(data + 1, size - 1);
  if (data[0] % 2 == 0) sluice::wire::round_trip(bytes, sluice::wire::decode_build_request);
  else sluice::wire::round_trip(bytes, sluice::wire::decode_build_reply);
  return 0;
}
