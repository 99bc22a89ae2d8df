// What the daemon tells the jailer on its command line.
#pragma once

#include <string>
#include <vector>

#include "daemon/sessions/fences.h"

namespace sluice::jailer {

struct Options {
  FenceSet without;                   // fences that are not put up
  unsigned uid = 0, gid = 0;          // to become, where there is no user namespace
  std::vector<std::string> readable;  // beside the profiles': the worker's program, the folder of ICD files
  std::vector<std::string> writable;  // a sanitizer's folder for reports; none in an ordinary pool
  std::string preload;                // a library that the dynamic linker loads into the worker first; empty: none
  std::string program;                // absolute
  std::vector<std::string> arguments;
};

}  // namespace sluice::jailer
