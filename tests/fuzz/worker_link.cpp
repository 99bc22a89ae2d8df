// What a worker says to the daemon: a kernel on a CPU device runs inside the worker and could say anything.
#include "daemon/sessions/worker_link.h"

#include <cstring>

#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz_input(data, size);
  const auto decoded = sluice::decode_worker_message(bytes);
  if (!decoded.ok()) return 0;
  const sluice::WorkerMessage& message = decoded.value();
  FUZZ_CHECK(std::memchr(message.record.tenant, 0, sizeof message.record.tenant) != nullptr);
  FUZZ_CHECK(std::memchr(message.record.program, 0, sizeof message.record.program) != nullptr);
  const auto again = sluice::encode_worker_message(message);
  FUZZ_CHECK(again.size() <= size);
  FUZZ_CHECK(sluice::decode_worker_message(again).ok());
  return 0;
}
