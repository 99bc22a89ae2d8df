// A whole session of hostile bytes: ring, decoder, scheduler, executor, object table, completions and memory account,
// over a fake device.
//
// Input: one byte of choices, two bytes of length, that many bytes for the front of the arena, and then the ring.
#include <algorithm>
#include <cstring>
#include <memory>

#include "daemon/worker/command_path.h"
#include "tests/daemon/worker/open_gate.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/fake_device.h"
#include "tests/fuzz/session_memory.h"

namespace sluice {
namespace {

// Builds run on threads of their own. Here each is awaited, so that the same input always does the same.
void await_build(std::span<const std::byte> command, const wire::ArenaView& arena) {
  wire::CallHeader call;
  if (command.size() < sizeof call) return;
  std::memcpy(&call, command.data(), sizeof call);
  if (call.header.op != wire::Op::program_build && call.header.op != wire::Op::program_binary) return;
  static const std::atomic<bool> not_lost{false};
  auto* slot = arena.slot<wire::ReplySlot>(call.reply_at);
  FUZZ_CHECK(slot != nullptr);
  FUZZ_CHECK(wire::wait_reply(*slot, not_lost, {}) || slot->state.load() > 1);
}

void serve(fuzz::SessionMemory& memory, fuzz::FakeDevice& device, std::uint64_t ring_bytes_sent) {
  metering::MeterPage& meter = memory.report.meter;
  fuzz::CommandSession session(memory, device);
  worker::CommandPath& path = session.path;
  auto reader = std::make_unique<wire::RingReader>(memory.control.bytes(), wire::Doorbell());
  memory.control.page().written.store(ring_bytes_sent);
  while (reader->ready()) {
    const auto command = reader->next();
    const Status handled = command.ok() ? path.handle(command.value()) : command.status();
    if (!handled.ok()) {
      FUZZ_CHECK(handled.code() == Code::protocol_fault && !handled.message().empty());
      break;
    }
    await_build(command.value(), memory.arena_view());
    FUZZ_CHECK(meter.memory_bytes.load() <= fuzz::limit_bytes);
  }
  path.scheduler().drop_held();  // what waits for an event that the program never set
  path.flush();
  device.finish();
  FUZZ_CHECK(session.completions.in_flight() == 0);
}

void run(std::span<const std::byte> input) {
  if (input.size() < 3) return;
  const auto choices = static_cast<unsigned>(input[0]);
  std::size_t front = static_cast<std::size_t>(input[1]) | static_cast<std::size_t>(input[2]) << 8;
  input = input.subspan(3);
  front = std::min({front, input.size(), fuzz::arena_bytes});

  static fuzz::SessionMemory& memory = *new fuzz::SessionMemory;
  memory.clear();
  std::memcpy(memory.arena, input.data(), front);
  input = input.subspan(front).first(std::min(input.size() - front, wire::ring_bytes));
  std::memcpy(memory.control.ring(), input.data(), input.size());
  {
    fuzz::FakeDevice device((choices & 1) != 0);
    serve(memory, device, input.size() / 8 * 8);
  }
  FUZZ_CHECK(memory.report.meter.memory_bytes.load() == 0);
}

}  // namespace
}  // namespace sluice

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::run(fuzz_input(data, size));
  return 0;
}
