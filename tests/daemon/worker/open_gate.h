// A gate that stands open: its lease is granted, without end, and nobody asks for it.
#pragma once

#include <sys/eventfd.h>

#include <array>

#include "base/unique_fd.h"
#include "daemon/worker/gate.h"

namespace sluice::test {

class OpenGate {
 public:
  explicit OpenGate(const metering::MeterPage& meter, const LeaseTerms& terms = {})
      : gate(LeaseHolder(page_, kick_.get()), meter, [] {}) {
    grantor.grant(terms);
  }

 private:
  alignas(64) std::array<std::byte, lease_page_bytes> page_{};
  UniqueFd kick_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

 public:
  LeaseGrantor grantor{page_};
  worker::Gate gate;
};

}  // namespace sluice::test
