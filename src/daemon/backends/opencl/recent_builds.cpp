#include "daemon/backends/opencl/recent_builds.h"

#include <algorithm>

namespace sluice::backend::opencl {
namespace {

// Another reference; null if the driver refuses it.
ProgramHandle shared(cl_program program) {
  return ProgramHandle(clRetainProgram(program) == CL_SUCCESS ? program : nullptr);
}

}  // namespace

std::optional<RecentBuilds::Build> RecentBuilds::find(const Digest& key) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found);
  Build build{shared(found->build.program.get()), found->build.reply, found->build.divisions};
  if (!build.program) return std::nullopt;
  return build;
}

void RecentBuilds::keep(const Digest& key, cl_program program, const wire::BuildReply& reply,
                        const Divisions& divisions) {
  Entry entry{key, {shared(program), reply, divisions}};
  if (!entry.build.program) return;
  std::list<Entry> gone;  // released after the lock
  const std::lock_guard lock(mutex_);
  entries_.push_front(std::move(entry));
  if (entries_.size() > builds_max) gone.splice(gone.begin(), entries_, std::prev(entries_.end()));
}

}  // namespace sluice::backend::opencl
