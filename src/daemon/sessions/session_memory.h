// SessionMemory: all the memory that a session shares. The daemon makes it once and its session table keeps it; workers
// get it with Attach and hand it to the next daemon with Adopt. That daemon believes no memory but what was noted when
// it was made.
//
// The program and its workers share control and arena. Each binding has pages of its own: the terms, which its worker
// can only read, and the report, which its worker writes (terms_page.h, report_page.h).
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/fences.h"
#include "daemon/sessions/report_page.h"
#include "daemon/sessions/session_record.h"
#include "daemon/sessions/terms_page.h"
#include "daemon/sessions/worker_link.h"
#include "wire/transport/shared_memory.h"

namespace sluice {

struct BindingMemory {
  wire::SharedMemory report, terms;
  UniqueFd kick;  // an eventfd: the worker's word that its report asks for something

  ReportPage& report_page() const { return *reinterpret_cast<ReportPage*>(report.data()); }
  TermsPage& terms_page() const { return *reinterpret_cast<TermsPage*>(terms.data()); }
};

// The daemon's: pages for one more binding. `without`: as with SessionMemory::make.
Result<BindingMemory> make_binding_memory(FenceSet without);

// Which memory it is, for the daemon's note.
BindingMemoryNote note_of(const BindingMemory& binding);

struct SessionMemory {
  // The daemon holds these without mapping them: it looks at how much memory lies behind them, and never into it.
  wire::SharedMemory control, arena;
  std::vector<BindingMemory> bindings;  // in the daemon in the order of the record; in a worker its own alone

  // The daemon's: memory for each binding of the record. `without`: Fence::sealed_terms lets workers write their terms.
  static Result<SessionMemory> make(const SessionRecord& record, FenceSet without);
  // A worker's: maps what came with Attach, in the order of AttachFd, and takes those descriptors out of `fds`.
  // protocol_fault: they are too few, or not what they should be.
  static Result<SessionMemory> attach(const SessionRecord& record, std::vector<UniqueFd>& fds);

  // Which memory it is, for the daemon's note.
  SessionMemoryNote note() const;
};

// What came from the worker of an earlier daemon's session, with a new terms page and eventfd in place of the old.
struct AdoptedMemory {
  SessionMemory memory;
  wire::SharedMemory terms_before;
};
// `offered`: in the order of AdoptFd, each a memfd; what is kept is moved out of it. permission_denied: one of them is
// not the memory that was noted.
Result<AdoptedMemory> adopt_memory(const SessionNote& note, std::vector<UniqueFd>& offered, FenceSet without);

}  // namespace sluice
