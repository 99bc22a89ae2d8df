// SessionMemory: what a session shares. Made once by the daemon, kept by its session table, and found again by the next
// daemon, which believes no memory but what was noted when it was made.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/fences.h"
#include "daemon/sessions/report_page.h"
#include "daemon/sessions/session_record.h"
#include "daemon/sessions/terms_page.h"
#include "wire/transport/shared_memory.h"

namespace sluice::server {

struct SessionMemory {
  // Descriptors alone: the daemon looks at how much memory lies behind them, and never into it.
  UniqueFd control, arena;
  wire::SharedMemory report, terms;
  UniqueFd kick;  // an eventfd: the worker's word that its report asks for something

  ReportPage& report_page() const { return *reinterpret_cast<ReportPage*>(report.data()); }
  TermsPage& terms_page() const { return *reinterpret_cast<TermsPage*>(terms.data()); }

  // `without`: Fence::sealed_terms lets the worker write its terms.
  static Result<SessionMemory> make(const SessionRecord& record, FenceSet without);
  SessionMemoryNote note() const;
};

// What came from the worker of an earlier daemon's session, with a new terms page and eventfd in the place of the old.
struct AdoptedMemory {
  SessionMemory memory;
  wire::SharedMemory terms_before;
};
// `offered`: in the order of AdoptFd, each a memfd; what is kept is moved out of it. permission_denied: one of them is
// not the memory that was noted.
Result<AdoptedMemory> adopt_memory(const SessionNote& note, std::vector<UniqueFd>& offered, FenceSet without);

}  // namespace sluice::server
