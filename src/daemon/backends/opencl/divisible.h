// May a kernel's launch be cut into several? What the program's text proves of it (backend.h, Divisible).
//
// Pieces that run one after the other are one of the orders in which OpenCL may run a launch's work-groups
// (OpenCL 3.0 API, 3.2.1). So a kernel can tell only by a value that depends on the launch's shape, or by waiting for a
// work-group that comes in a later piece, which OpenCL does not promise to end but drivers may let pass. Taken as
// proof:
//
// 1. Nothing that the kernel's definition names, nor what that is defined as, directly or through others, function or
//    macro, is
//      - get_group_id, get_num_groups, get_global_size, get_global_offset or get_global_linear_id, or a compiler's own
//        name for one of them, in assembly too;
//      - a means to enqueue from the device, or a pipe: never;
//      - get_local_id, get_local_size and the like, a barrier, local memory, a function of work-groups or sub-groups:
//        only if the launch says the local size.
// 2. No loop among these looks at memory that others may change (loops.h).
//
// Functions whose names macros make count as called. Where a name is pasted together (`##`), every name in question
// that the program's words can be put together to counts as named. Where functions may have been missed
// (definitions.h), or the kernel's definition is not found, it is judged by every word of the program. Where the text
// is not complete (program_text.h) or not understood (source_text.h), it is never cut. What branches of the
// preprocessor are taken does not matter: all count. This convinces for what programs do, not against a program that
// wants to be cut wrongly: it harms only itself.
#pragma once

#include <map>
#include <span>
#include <string>

#include "daemon/backends/backend.h"
#include "daemon/backends/opencl/program_text.h"

namespace sluice::backend::opencl {

struct Division {
  Divisible divisible = Divisible::never;
  std::string because = "its text is not known";  // what stands in the way; empty: nothing does

  bool operator==(const Division&) const = default;
};

using Divisions = std::map<std::string, Division>;  // by the kernel's name

// Takes time linear in the text, as programs write it: with text_of, some 30 ns a byte.
Divisions divisions_of(const ProgramText& text, std::span<const std::string> kernels);

// "always", "if a local size is given (uses barrier)", "never (uses get_num_groups)".
std::string describe(const Division& division);

}  // namespace sluice::backend::opencl
