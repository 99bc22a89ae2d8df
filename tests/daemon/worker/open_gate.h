// A gate that stands open: its lease is granted, without end, and nobody asks for it.
#pragma once

#include <sys/eventfd.h>

#include "base/unique_fd.h"
#include "daemon/worker/gate.h"

namespace sluice::test {

class OpenGate {
 public:
  explicit OpenGate(const metering::MeterPage& meter, const LeaseTerms& terms = {}) : gate(lease_, meter, [] {}) {
    grantor.grant(terms);
  }

 private:
  TermsPage terms_{};
  ReportPage report_{};
  UniqueFd kick_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  LeaseHolder lease_{terms_, report_, kick_.get()};

 public:
  LeaseGrantor grantor{terms_, report_};
  worker::Gate gate;
};

}  // namespace sluice::test
