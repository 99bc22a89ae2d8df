// A session from a hostile worker: checkpoint, decoder, executor, object table, queues and held commands, over a fake
// device.
//
// Input: one byte of choices, and then a checkpoint's sections. Their frame is made here: no fuzzer finds a checksum.
#include "daemon/worker/checkpoint/checkpoint.h"

#include <memory>

#include "daemon/worker/checkpoint/writer.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/fake_device.h"
#include "tests/fuzz/session_memory.h"

namespace sluice {
namespace {

constexpr Nanoseconds patience_ns = 10 * ns_per_s;

Status restore(worker::CommandPath& path, const worker::Checkpoint& checkpoint) {
  worker::Restorer restorer = path.restorer();
  SLUICE_TRY(restorer.make(checkpoint.objects, now_ns() + patience_ns));
  return restorer.go_on(checkpoint);
}

// What was restored can be written again, and served.
void serve(worker::CommandPath& path, fuzz::FakeDevice& device) {
  worker::Checkpoint again;
  again.objects = worker::write_objects(path.objects());
  worker::write_progress(path.objects(), path.scheduler(), again);
  FUZZ_CHECK(worker::decode_checkpoint(worker::encode_checkpoint(again)).ok());
  (void)path.scheduler().pump();
  path.flush();
  device.finish();
}

void run(std::span<const std::byte> input) {
  if (input.empty()) return;
  const auto read = worker::decode_checkpoint(worker::frame_checkpoint(input.subspan(1)));
  if (!read.ok()) return;
  static fuzz::SessionMemory& memory = *new fuzz::SessionMemory;
  memory.clear();
  {
    fuzz::FakeDevice device((static_cast<unsigned>(input[0]) & 1) != 0);
    metering::MeterPage& meter = memory.report.meter;
    fuzz::CommandSession session(memory, device);
    worker::CommandPath& path = session.path;
    const Status restored = restore(path, read.value());
    FUZZ_CHECK(restored.ok() || !restored.message().empty());
    FUZZ_CHECK(meter.memory_bytes.load() <= fuzz::limit_bytes);
    if (restored.ok()) serve(path, device);
    path.scheduler().drop_held();
    path.flush();
    device.finish();
  }
  FUZZ_CHECK(memory.report.meter.memory_bytes.load() == 0);
}

}  // namespace
}  // namespace sluice

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::run(fuzz_input(data, size));
  return 0;
}
