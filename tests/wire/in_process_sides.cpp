// Both sides as if they had nothing in common but their memory: see transport/in_process.h.
#include "tests/wire/ring_rig.h"
#include "tests/wire/transport/in_process.h"

namespace sluice::wire {

Sides make_sides(std::size_t arena_bytes) {
  const auto transport = std::make_shared<test::InProcessTransport>(control_bytes, arena_bytes);
  return {transport->program.control,
          transport->worker.control,
          transport->program.arena,
          transport->worker.arena,
          transport->program.doorbell,
          transport->worker.doorbell,
          transport};
}

}  // namespace sluice::wire
