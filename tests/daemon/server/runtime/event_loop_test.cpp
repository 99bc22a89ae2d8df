#include "daemon/server/runtime/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <optional>
#include <thread>

using namespace sluice;
using namespace sluice::server;

namespace {

UniqueFd ready_descriptor() { return UniqueFd(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)); }

struct Loop : EventLoop {
  Loop() { REQUIRE(open().ok()); }
  void run_for(Nanoseconds ns) {
    const Timer end = at(now_ns() + ns, [this] { stop(); });
    run();
  }
};

}  // namespace

TEST_CASE("a handler hears of its descriptor until its watch ends") {
  Loop loop;
  const UniqueFd fd = ready_descriptor();
  int heard = 0;
  Watch watch;
  watch = loop.watch(fd.get(), EPOLLIN,
                     [&](std::uint32_t events) {
                       CHECK((events & EPOLLIN) != 0);
                       if (++heard == 3) watch.reset();
                     })
              .take();
  loop.run_for(20 * ns_per_ms);
  CHECK(heard == 3);
}

TEST_CASE("a handler may end another watch whose event is already there") {
  Loop loop;
  const UniqueFd a = ready_descriptor(), b = ready_descriptor();
  int heard = 0;
  Watch first, second;
  const auto handler = [&](std::uint32_t) {
    ++heard;
    first.reset();
    second.reset();
  };
  first = loop.watch(a.get(), EPOLLIN, handler).take();
  second = loop.watch(b.get(), EPOLLIN, handler).take();
  loop.run_for(20 * ns_per_ms);
  CHECK(heard == 1);
}

TEST_CASE("a descriptor's number that is used again does not bring old events back") {
  Loop loop;
  UniqueFd a = ready_descriptor(), b = ready_descriptor();
  std::string order;
  Watch first, second, third;
  UniqueFd reused;
  const auto replace_b = [&](std::uint32_t) {
    order += "a";
    first.reset();
    second.reset();
    const int number = b.get();
    b.reset();
    reused.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    REQUIRE(reused.get() == number);
    third = loop.watch(reused.get(), EPOLLIN, [&](std::uint32_t) { order += "c"; }).take();
  };
  first = loop.watch(a.get(), EPOLLIN, replace_b).take();
  second = loop.watch(b.get(), EPOLLIN, [&](std::uint32_t) { order += "b"; }).take();
  loop.run_for(20 * ns_per_ms);
  CHECK_THAT(order, Catch::Equals("a") || Catch::StartsWith("b"));
  CHECK(order.find('c') == std::string::npos);
}

TEST_CASE("timers come in the order of their deadlines, and not after their end") {
  Loop loop;
  std::string order;
  const Nanoseconds now = now_ns();
  const Timer c = loop.at(now + 9 * ns_per_ms, [&] { order += "c"; });
  Timer b = loop.at(now + 6 * ns_per_ms, [&] { order += "b"; });
  const Timer a = loop.at(now + 3 * ns_per_ms, [&] {
    order += "a";
    b.reset();
  });
  loop.run_for(30 * ns_per_ms);
  CHECK(order == "ac");
}

TEST_CASE("a timer may end itself and start another in its own handler") {
  Loop loop;
  int fired = 0;
  Timer timer;
  std::function<void()> again = [&] {
    if (++fired < 3) timer = loop.at(now_ns() + ns_per_ms, again);
    else timer.reset();
  };
  timer = loop.at(now_ns(), again);
  loop.run_for(30 * ns_per_ms);
  CHECK(fired == 3);
}

TEST_CASE("an idle loop sleeps without waking up") {
  Loop loop;
  const UniqueFd quiet(eventfd(0, EFD_CLOEXEC));
  const Watch watch = loop.watch(quiet.get(), EPOLLIN, [](std::uint32_t) {}).take();
  const Timer far = loop.at(now_ns() + 3600 * ns_per_s, [] {});
  rusage before{}, after{};
  std::thread stopper;
  std::thread runner([&] {
    getrusage(RUSAGE_THREAD, &before);
    stopper = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      loop.stop();
    });
    loop.run();
    getrusage(RUSAGE_THREAD, &after);
  });
  runner.join();
  stopper.join();
  CHECK(after.ru_nvcsw - before.ru_nvcsw <= 3);  // the start of the other thread, and the one sleep
}
