#include "daemon/worker/clean_pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace sluice::worker {
namespace {

struct Mapping {
  std::uintptr_t from = 0, to = 0;
  bool file = false, writable = false;
  unsigned long changed_kib = 0;  // pages of its own, which the file does not have
};

// The first line of a mapping's entry: "7f12-7f34 r-xp 0000 08:01 1234   /usr/lib/...".
bool parse_head(const std::string& line, Mapping& mapping) {
  unsigned long from = 0, to = 0;
  char permissions[5] = {};
  int path_at = 0;
  if (std::sscanf(line.c_str(), "%lx-%lx %4s %*s %*s %*s %n", &from, &to, permissions, &path_at) < 3) return false;
  mapping = {from, to, line.find('/', static_cast<std::size_t>(path_at)) != std::string::npos, permissions[1] == 'w',
             0};
  return true;
}

// Read-only and private does not mean clean: relocated tables are written first and protected afterwards. What such a
// page holds is not in the file, so mappings with changed pages stay.
std::vector<Mapping> read_mappings() {
  std::vector<Mapping> mappings;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    Mapping mapping;
    unsigned long kib = 0;
    if (parse_head(line, mapping)) mappings.push_back(mapping);
    else if (!mappings.empty() && (std::sscanf(line.c_str(), "Anonymous: %lu kB", &kib) == 1 ||
                                   std::sscanf(line.c_str(), "Private_Dirty: %lu kB", &kib) == 1))
      mappings.back().changed_kib += kib;
  }
  return mappings;
}

}  // namespace

std::size_t return_clean_pages() {
  std::size_t bytes = 0;
  for (const Mapping& mapping : read_mappings()) {
    if (!mapping.file || mapping.writable || mapping.changed_kib != 0) continue;
    if (madvise(reinterpret_cast<void*>(mapping.from), mapping.to - mapping.from, MADV_DONTNEED) == 0)
      bytes += mapping.to - mapping.from;
  }
  return bytes;
}

}  // namespace sluice::worker
