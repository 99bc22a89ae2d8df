// The memory that a fuzzed session shares, and the account that it is granted.
#pragma once

#include <sys/eventfd.h>

#include <cstring>
#include <new>
#include <span>

#include "base/unique_fd.h"
#include "daemon/sessions/report_page.h"
#include "daemon/sessions/terms_page.h"
#include "daemon/worker/command_path.h"
#include "tests/daemon/worker/open_gate.h"
#include "tests/wire/ring_rig.h"
#include "wire/arena.h"

namespace sluice::fuzz {

inline constexpr std::size_t arena_bytes = 64 * 1024;
inline constexpr std::uint64_t limit_bytes = 48 * 1024;

// What the daemon would have made for the session: heap blocks of their exact size, for AddressSanitizer. Made once,
// because fresh pages would take most of the time.
inline constexpr std::align_val_t page{4096};

struct SessionMemory {
  wire::ControlMemory control;
  std::byte* const arena = new (page) std::byte[arena_bytes];
  TermsPage terms{};
  ReportPage report{};
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  void clear() {
    new (&control.page()) wire::ControlPage{};
    std::memset(arena, 0, arena_bytes);
    new (&report) ReportPage{};
    new (&terms) TermsPage{};
    terms.memory_granted_bytes = limit_bytes;
  }
  wire::ArenaView arena_view() const { return wire::ArenaView({arena, arena_bytes}); }
};

// A session in it, over a device: all that carries out commands.
struct CommandSession {
  CommandSession(SessionMemory& memory, backend::Device& device)
      : granted(memory.terms, memory.report, memory.kick.get(), 0),
        account(granted, memory.report.meter),
        open(memory.report.meter),
        completions(memory.control.page(), {}, memory.report.meter, open.gate),
        builder(device),
        path(device, memory.arena_view(), account, completions, builder, open.gate) {
    device.set_sink(completions);
  }

  MemoryHolder granted;
  worker::MemoryAccount account;
  test::OpenGate open;
  worker::Completions completions;
  worker::Builder builder;
  worker::CommandPath path;
};

}  // namespace sluice::fuzz
