#include "daemon/worker/build_watch.h"

#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace sluice::worker {
namespace {

void burn(Nanoseconds cpu_ns) {
  const auto used = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<Nanoseconds>(now.tv_sec) * ns_per_s + static_cast<Nanoseconds>(now.tv_nsec);
  };
  for (const Nanoseconds until = used() + cpu_ns; used() < until;) {
  }
}

// Memory that no compiler takes for unused.
class Ballast {
 public:
  Ballast() : bytes_(new char[16 << 20]) { *bytes_ = 1; }
  ~Ballast() { delete[] bytes_; }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

 private:
  char* volatile bytes_;
};

bool readable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return poll(&watched, 1, 0) == 1;
}

TEST_CASE("nothing is looked at while nothing is built") {
  BuildWatch watch(BuildLimits{});
  CHECK_FALSE(readable(watch.fd()));
  CHECK(watch.timeout_ms() == -1);
  watch.begin();
  CHECK(readable(watch.fd()));
  CHECK(watch.timeout_ms() > 0);
  CHECK(watch.check().ok());
  CHECK_FALSE(readable(watch.fd()));
  watch.end();
  CHECK(watch.timeout_ms() == -1);
}

TEST_CASE("a build that takes too much processor time is named with its limit") {
  BuildWatch watch({50 * ns_per_ms, UINT64_MAX});
  watch.begin();
  CHECK(watch.check().ok());
  burn(60 * ns_per_ms);
  const Status late = watch.check();
  CHECK_FALSE(late.ok());
  CHECK(late.message().find("limits.build_s") != std::string::npos);
  watch.end();
  CHECK(watch.check().ok());
}

TEST_CASE("a build that waits takes no time, and what ran before it began is not its own") {
  BuildWatch watch({50 * ns_per_ms, UINT64_MAX});
  burn(60 * ns_per_ms);
  watch.begin();
  usleep(100'000);
  CHECK(watch.check().ok());
  watch.end();
}

TEST_CASE("builds that take too much memory are named with their limit") {
#ifdef SLUICE_SANITIZED
  WARN("not looked at: a sanitizer's allocator does not tell what it has given out");
  return;
#endif
  BuildWatch watch({UINT64_MAX, 8 << 20});
  const Ballast before;
  watch.begin();
  CHECK(watch.check().ok());
  const Ballast during;
  const Status large = watch.check();
  CHECK_FALSE(large.ok());
  CHECK(large.message().find("limits.build_memory") != std::string::npos);
  watch.end();
}

}  // namespace
}  // namespace sluice::worker
