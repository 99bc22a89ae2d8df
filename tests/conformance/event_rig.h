// A callback of events that counts.
#pragma once

#include <atomic>

#include "rig.h"

namespace conformance {

struct Told {
  std::atomic<int> calls{0};
  std::atomic<int> status{1000};
};

inline void CL_CALLBACK note_status(cl_event, cl_int status, void* user) {
  auto* told = static_cast<Told*>(user);
  told->status = status;
  ++told->calls;
}

}  // namespace conformance
