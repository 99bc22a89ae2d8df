// What joins a session to its two peers. local_attachment.h makes both where the program runs under the worker's
// kernel.
#pragma once

#include "daemon/sessions/report_page.h"
#include "daemon/sessions/terms_page.h"
#include "wire/transport/doorbell.h"
#include "wire/transport/region.h"

namespace sluice::worker {

// To the program. The channel between them is the control thread's (control.h).
struct Connection {
  wire::Region control, arena;
  wire::Doorbell doorbell;
};

// To the daemon, whose kernel is always the worker's. All outlive the session. The page of the next daemon comes to lie
// where `terms` does.
struct DaemonPages {
  TermsPage& terms;
  ReportPage& report;
  int kick_fd;  // an eventfd: the worker's word that its report asks for something
};

}  // namespace sluice::worker
