// Loops in a definition that may wait for what another work-group writes.
#pragma once

#include <string_view>
#include <vector>

#include "daemon/backends/opencl/definitions.h"

namespace sluice::backend::opencl {

// Looking at memory that others may change at that moment is: an atomic load, an atomic operation that changes nothing
// (`atomic_or(x, 0)`), a memory fence, or a read through a pointer that is `volatile` and not to local memory.
// In a loop that also compares and swaps it is a step of an atomic operation made by hand, and does not count: such a
// loop goes round again only because others got on.
struct Loops {
  bool looks = false;                    // outside of loops: a function that calls this in a loop may wait
  std::string_view waits;                // what a loop of its own looks at memory with; empty: none does
  std::vector<std::string_view> called;  // names in loops, for what they may look at
};

// `all_in_loop`: the definition uses a macro with a part of a loop in it, so that any of it may be in one.
Loops loops_of(const Definition& definition, bool all_in_loop);

bool is_loop_keyword(std::string_view name);

}  // namespace sluice::backend::opencl
