// Many threads at once: a queue each, and one queue for all.
#include <atomic>
#include <thread>

#include "rig.h"

namespace conformance {
namespace {

constexpr int threads = 8;

// Runs `work(i)` on every thread; the first failure of any is the test's.
void on_threads(const std::function<void(int)>& work) {
  std::vector<std::thread> running;
  std::vector<std::string> failures(threads);
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      try {
        work(i);
      } catch (const Failure& failure) {
        failures[i] = failure.what;
      }
    });
  }
  for (auto& thread : running) thread.join();
  for (const auto& failure : failures) {
    if (!failure.empty()) throw Failure{failure};
  }
}

}  // namespace

TEST("threads: eight, a queue and a buffer each") {
  kit();
  on_threads([](int me) {
    const Queue queue = make_queue();
    Memory buffer = buffer_of(std::vector<int>(2048, me));
    Kernel kernel = make_kernel(kit(), "add");
    EXPECT_OK(set_arg(kernel, 0, buffer));
    EXPECT_OK(set_arg(kernel, 1, me + 1));
    std::vector<int> got(2048);
    for (int round = 1; round <= 50; ++round) {
      EXPECT_OK(launch(queue, kernel, 2048));
      EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, 8192, got.data(), 0, nullptr, nullptr));
      EXPECT(got == std::vector<int>(2048, me + (me + 1) * round));
    }
  });
}

TEST("threads: eight share one queue") {
  const Queue queue = make_queue();
  on_threads([&](int me) {
    Memory buffer = buffer_of(std::vector<int>(256, 0));
    Kernel kernel = make_kernel(kit(), "add");
    EXPECT_OK(set_arg(kernel, 0, buffer));
    EXPECT_OK(set_arg(kernel, 1, me + 1));
    for (int round = 0; round < 100; ++round) {
      Event event;
      EXPECT_OK(launch(queue, kernel, 256, event.out()));
      if (round % 10 == 0) EXPECT_OK(clWaitForEvents(1, event.address()));
    }
    std::vector<int> got(256);
    EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, 1024, got.data(), 0, nullptr, nullptr));
    EXPECT(got == std::vector<int>(256, (me + 1) * 100));
  });
}

TEST("threads: eight make and release objects") {
  on_threads([](int me) {
    for (int round = 0; round < 200; ++round) {
      const auto data = pattern(512, static_cast<unsigned>(me * 1000 + round));
      Memory buffer = buffer_of(data);
      const Queue queue = make_queue();
      std::vector<std::uint8_t> got(512);
      EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, 512, got.data(), 0, nullptr, nullptr));
      EXPECT(got == data);
    }
  });
}

TEST("threads: eight build programs") {
  on_threads([](int me) {
    Program program = build("kernel void f(global int* v) { v[0] = " + std::to_string(me * 11) + "; }");
    Memory out = buffer_of(std::vector<int>{-1});
    const Queue queue = make_queue();
    Kernel kernel = make_kernel(program, "f");
    EXPECT_OK(set_arg(kernel, 0, out));
    EXPECT_OK(launch(queue, kernel, 1));
    int got = 0;
    EXPECT_OK(clEnqueueReadBuffer(queue, out, CL_TRUE, 0, 4, &got, 0, nullptr, nullptr));
    EXPECT(got == me * 11);
  });
}

TEST("threads: waiters on one event all wake") {
  Event gate = user_event();
  std::atomic<int> awake{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < threads; ++i) {
    waiters.emplace_back([&] {
      if (clWaitForEvents(1, gate.address()) == CL_SUCCESS) ++awake;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT(awake == 0);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  for (auto& waiter : waiters) waiter.join();
  EXPECT(awake == threads);
}

}  // namespace conformance
