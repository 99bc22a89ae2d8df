#include "daemon/cgroups/hierarchies.h"

#include <catch2/catch.hpp>

using namespace sluice::cgroups;

namespace {

Controllers controllers_of(std::string_view names) { return parse_controllers(names, ' '); }

}  // namespace

TEST_CASE("v1 trees are told by their mounts, with one controller or several") {
  const auto found = parse_mounts(
      "36 25 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
      "37 25 0:32 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
  REQUIRE(found.size() == 2);
  CHECK(found[0].mount == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(found[0].controllers == controllers_of("cpu cpuacct"));
  CHECK_FALSE(found[0].unified);
  CHECK(found[1].controllers == controllers_of("pids"));
}

TEST_CASE("trees that workers have no use for, and other file systems, are left out") {
  CHECK(parse_mounts("36 25 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
                     "37 25 0:32 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"
                     "25 20 0:30 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n")
            .empty());
}

TEST_CASE("the unified tree is told by its type") {
  const auto found = parse_mounts("30 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
  REQUIRE(found.size() == 1);
  CHECK(found[0].unified);
}

TEST_CASE("lines that make no sense are skipped") {
  CHECK(parse_mounts("").empty());
  CHECK(parse_mounts("\n\n36\n- - -\n36 25 0:31 / /x rw - cgroup\n36 - cgroup2 a b c d\n").empty());
}

TEST_CASE("controllers are written as the kernel reads them") {
  CHECK(controllers_of("memory cpu pids hugetlb").to_string() == "cpu memory pids");
  CHECK(controllers_of("").to_string().empty());
}
