// ProgramText: all text that goes into a program, as its compiler finds it.
#pragma once

#include <memory>
#include <vector>

#include "daemon/backends/opencl/source_text.h"
#include "wire/kernel_traits.h"

namespace sluice::backend::opencl {

struct ProgramText {
  static constexpr std::size_t files_max = 1024;
  static constexpr std::size_t bytes_max = std::size_t{32} << 20;  // of all together

  std::vector<std::shared_ptr<const SourceText>> parts;
  bool complete = true;  // false: it is too much, or an #include's name, or the language, is not understood
};

// The source, the headers that came along, the macros that the options define, and the files that an #include may
// name: beside the one that names it, in the options' folders, or from the root, as far as this process can read them.
// Branches that are not taken count as well. A name made by macros is understood where it is the argument of one, in
// which macros of the options stand for folders, or a macro that stands for this or for a name. A file that is nowhere
// is in a branch that is not taken, or is the driver's own: the compiler looks with the same rights in the same places.
ProgramText text_of(const wire::BuildRequest& request);

}  // namespace sluice::backend::opencl
