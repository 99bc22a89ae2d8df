#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/unique_fd.h"

namespace sluice {
namespace {

// What `act` writes to stderr.
template <typename Act>
std::string stderr_of(Act act) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd reader(ends[0]), writer(ends[1]), saved(::dup(STDERR_FILENO));
  ::dup2(writer.get(), STDERR_FILENO);
  writer.reset();
  act();
  ::dup2(saved.get(), STDERR_FILENO);
  char text[4096];
  const ssize_t length = ::read(reader.get(), text, sizeof text);
  return std::string(text, length > 0 ? static_cast<std::size_t>(length) : 0);
}

TEST_CASE("the log prints what is at least as severe as its level, and says who speaks") {
  ::unsetenv("JOURNAL_STREAM");
  const std::string text = stderr_of([] {
    REQUIRE(log::configure("warn", "worker 7").ok());
    log::info("too chatty {}", 1);
    log::warn("session {} ended", 42);
    log::error("device lost");
  });
  CHECK(text.find("too chatty") == std::string::npos);
  CHECK(text.find("worker 7: warning: session 42 ended\n") != std::string::npos);
  CHECK(text.find("worker 7: error: device lost\n") != std::string::npos);
  CHECK(text.substr(0, 2) == "20");
}

TEST_CASE("under the journal a line does not repeat the time") {
  ::setenv("JOURNAL_STREAM", "8:1234", 1);
  const std::string text = stderr_of([] {
    REQUIRE(log::configure("debug", "sluiced").ok());
    log::debug("listening");
  });
  ::unsetenv("JOURNAL_STREAM");
  CHECK(text == "sluiced: debug: listening\n");
}

TEST_CASE("an unknown log level is refused by name") {
  const Status status = log::configure("loud", "x");
  CHECK(status.code() == Code::invalid_argument);
  CHECK(status.message().find("'loud'") != std::string::npos);
  for (const char* level : {"off", "trace", "critical", ""}) CHECK_FALSE(log::configure(level, "x").ok());
}

}  // namespace
}  // namespace sluice
