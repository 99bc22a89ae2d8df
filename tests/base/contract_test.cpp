#define SLUICE_COSTLY_CONTRACTS
#include "base/contract.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <string>

namespace sluice {
namespace {

struct Ended {
  int signal = 0;  // 0: it was not killed
  std::string words;
};

Ended run_apart(const std::function<void()>& body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);  // Catch2 has a handler of its own
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  Ended ended;
  char room[512];
  for (ssize_t count; (count = read(ends[0], room, sizeof room)) > 0;)
    ended.words.append(room, static_cast<std::size_t>(count));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return ended;
}

}  // namespace

TEST_CASE("a contract that holds costs nothing but its condition") {
  const Ended ended = run_apart([] {
    SLUICE_REQUIRE(1 + 1 == 2);
    SLUICE_INVARIANT(2 + 2 == 4);
    SLUICE_REQUIRE_COSTLY(true);
    SLUICE_INVARIANT_COSTLY(true);
  });
  CHECK(ended.signal == 0);
  CHECK(ended.words.empty());
}

TEST_CASE("a broken requirement names itself and its place, and aborts") {
  const int line = __LINE__ + 1;
  const Ended ended = run_apart([] { SLUICE_REQUIRE(1 + 1 == 3); });
  CHECK(ended.signal == SIGABRT);
  CHECK_THAT(ended.words,
             Catch::Contains("contract_test.cpp:" + std::to_string(line) + ": a requirement is broken: 1 + 1 == 3\n"));
}

TEST_CASE("a broken invariant aborts, a costly one too where there are tests") {
  CHECK(run_apart([] { SLUICE_INVARIANT(false); }).signal == SIGABRT);
  CHECK(run_apart([] { SLUICE_INVARIANT_COSTLY(false); }).signal == SIGABRT);
  CHECK(run_apart([] { SLUICE_REQUIRE_COSTLY(false); }).signal == SIGABRT);
}

}  // namespace sluice
