// Runs code in a process of its own, to see how it ends: for contracts, whose breach aborts.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <string>

namespace sluice::test {

struct Ended {
  int signal = 0;  // 0: it was not killed
  std::string words;
};

inline Ended run_apart(const std::function<void()>& body) {
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

}  // namespace sluice::test
