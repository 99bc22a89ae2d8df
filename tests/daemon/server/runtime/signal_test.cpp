#include "daemon/server/runtime/signal.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "tests/base/run_apart.h"

namespace sluice::server {
namespace {

TEST_CASE("a signal calls its handler at once, with what it was raised with") {
  Signal<int, const std::string&> signal;
  std::string told;
  signal.connect([&told](int number, const std::string& text) { told += std::to_string(number) + text; });
  signal.raise(1, "a");
  signal.raise(2, "b");
  CHECK(told == "1a2b");
}

TEST_CASE("a signal that nobody listens to is lost") {
  const Signal<int> signal;
  signal.raise(1);
}

TEST_CASE("a signal has one handler, and one between threads is opened before it is raised") {
  Signal<> signal;
  signal.connect([] {});
  CHECK(test::run_apart([&] { signal.connect([] {}); }).signal == SIGABRT);
  const ThreadSignal closed;
  CHECK(test::run_apart([&] { closed.raise(); }).signal == SIGABRT);
}

TEST_CASE("a signal that another thread raises is handled on the loop's thread, once for several raises") {
  EventLoop loop;
  REQUIRE(loop.open().ok());
  ThreadSignal signal;
  REQUIRE(signal.open().ok());
  int handled = 0;
  std::thread::id handler_thread;
  REQUIRE(signal
              .connect(loop,
                       [&] {
                         ++handled;
                         handler_thread = std::this_thread::get_id();
                         loop.stop();
                       })
              .ok());
  std::thread([&] {
    signal.raise();
    signal.raise();
  }).join();
  loop.run();
  CHECK(handled == 1);
  CHECK(handler_thread == std::this_thread::get_id());
}

}  // namespace
}  // namespace sluice::server
