#include "tools/sluice/doctor_probes.h"

#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "daemon/cgroups/hierarchies.h"

using namespace sluice;
using namespace sluice::cli;

namespace {

const Finding* find(const std::vector<Finding>& findings, Fence fence) {
  for (const Finding& finding : findings)
    if (finding.fence == fence) return &finding;
  return nullptr;
}

}  // namespace

TEST_CASE("a trial is a process of its own, and only one that says nothing was wrong has worked") {
  const pid_t self = getpid();
  CHECK(try_in_process([] { return std::string(); }).empty());
  CHECK(try_in_process([self] { return getpid() == self ? "the same process" : ""; }).empty());
  CHECK(try_in_process([] { return std::string("no such thing"); }) == "no such thing");
  CHECK(try_in_process([]() -> std::string {
          raise(SIGKILL);
          return "";
        }) == "the trial was ended by the system");
  CHECK(try_in_process([]() -> std::string { _exit(0); }) == "the trial was ended by the system");
}

TEST_CASE("each fence has its finding, in the fences' order") {
  const auto findings = find_fences({"", "/nonexistent/cache"});
  REQUIRE(findings.size() == all_fences().size());
  for (std::size_t i = 0; i < findings.size(); ++i) {
    CHECK(findings[i].fence == all_fences()[i]);
    CHECK(findings[i].name == fence_name(all_fences()[i]));
    CHECK((findings[i].available || !findings[i].detail.empty()));
  }
}

TEST_CASE("features are tried on a folder that exists, and are no fences") {
  const auto findings = find_features({"", "/nonexistent/cache"});
  CHECK_FALSE(findings.empty());
  for (const Finding& finding : findings) CHECK_FALSE(finding.fence.has_value());
  CHECK(missing_fences(findings) == FenceSet());
}

TEST_CASE("what is missing is what jail.without must name") {
  const std::vector<Finding> findings{{"landlock", Fence::landlock, false, true, "no"},
                                      {"cgroup", Fence::cgroup, true, true, ""},
                                      {"own-uid", Fence::own_uid, false, false, "not needed"},
                                      {"futex-waitv", {}, false, false, "no"}};
  CHECK(missing_fences(findings).to_string() == "landlock");
}

TEST_CASE("an ordinary user has no control groups but those that are delegated, and is told which is missing") {
  if (geteuid() != 0) {
    WARN("skipped: needs root to become another user");
    return;
  }
  CHECK(try_in_process([]() -> std::string {
          if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) return "still root";
          const auto findings = find_fences({"/sluice-doctor-test", "/"});
          const Finding& cgroup = *find(findings, Fence::cgroup);
          if (cgroup.available) return "control groups could be made";
          if (cgroup.detail.find("Permission denied") == std::string::npos) return "no reason: " + cgroup.detail;
          if (find(findings, Fence::own_uid)->available) return "another user could be had";
          return missing_fences(findings).has(Fence::cgroup) ? "" : "the fence is not named";
        }).empty());
}

TEST_CASE("nothing is left of a trial") {
  (void)find_fences({"", "/"});
  (void)find_features({"", "/"});
  const cgroups::GroupFiles& files = cgroups::kernel_group_files();
  for (const auto& tree : cgroups::find_hierarchies(files, files.read("/proc/self/mountinfo"))) {
    for (const std::string& group : files.folders(tree.mount)) CHECK(group.find("doctor") == std::string::npos);
    for (const std::string& group : files.folders(tree.mount + "/sluice"))
      CHECK(group != "doctor-" + std::to_string(getpid()));
  }
}
