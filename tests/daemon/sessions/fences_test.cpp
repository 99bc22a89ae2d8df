#include "daemon/sessions/fences.h"

#include <catch2/catch.hpp>

using namespace sluice;

TEST_CASE("every fence has a name of its own that is understood again") {
  CHECK(all_fences().size() == fence_count);
  for (const Fence fence : all_fences()) {
    INFO(fence_name(fence));
    CHECK(parse_fence(fence_name(fence)) == fence);
    CHECK(!without_fence(fence).empty());
  }
  CHECK(!parse_fence("door"));
}

TEST_CASE("a set of fences is the same after it was written and read") {
  FenceSet set;
  CHECK(set.to_string().empty());
  set.add(Fence::seccomp);
  set.add(Fence::pid_namespace);
  CHECK(set.to_string() == "pid-namespace,seccomp");
  CHECK(FenceSet::parse(set.to_string()) == set);
  CHECK(FenceSet::parse("") == FenceSet());
  CHECK(FenceSet::parse(FenceSet::all().to_string()) == FenceSet::all());
  CHECK(!FenceSet::parse("seccomp,,cgroup"));
  CHECK(!FenceSet::parse("door"));
}
