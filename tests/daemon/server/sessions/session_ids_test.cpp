#include "daemon/server/sessions/session_ids.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>
#include <string>

using namespace sluice::server;

namespace {

struct File {
  std::string path = "/tmp/sluice-session-ids-" + std::to_string(getpid());
  File() { unlink(path.c_str()); }
  ~File() { unlink(path.c_str()); }
};

}  // namespace

TEST_CASE("session numbers begin at 1 and go up") {
  const File file;
  SessionIds ids(file.path);
  CHECK(ids.next() == 1);
  CHECK(ids.next() == 2);
}

TEST_CASE("a daemon that died gives no number of its own out again") {
  const File file;
  std::set<std::uint64_t> seen;
  for (int daemon = 0; daemon < 5; ++daemon) {
    SessionIds ids(file.path);
    for (int i = 0; i < 100; ++i) CHECK(seen.insert(ids.next()).second);
  }
}

TEST_CASE("without its file, the numbers of adopted sessions are still not given out") {
  const File file;
  SessionIds ids(file.path);
  ids.skip(500);
  CHECK(ids.next() == 501);
}

TEST_CASE("a file of nonsense counts as none") {
  const File file;
  FILE* out = fopen(file.path.c_str(), "w");
  fputs("zebra", out);
  fclose(out);
  CHECK(SessionIds(file.path).next() == 1);
}
