// A worker process and its lease, on PoCL: the test plays the daemon that grants it.
#include <thread>

#include "rig.h"

namespace sluice::test {
namespace {

// False: not for as long as anybody would wait.
template <typename Condition>
bool comes_true(Condition condition) {
  const Nanoseconds deadline_ns = now_ns() + 30 * ns_per_s;
  while (!condition() && now_ns() < deadline_ns) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

// A session with a kernel that takes some time.
struct Leased {
  Leased() : worker(by_hand()) {
    worker.attach();
    queue = worker.make_queue();
    buffer = worker.make_buffer(items * 4);
    const ObjectId program = worker.mint();
    const auto reply = worker.build(program,
                                    "__kernel void spin(__global int* a) {"
                                    "  int i = get_global_id(0), x = i;"
                                    "  for (int k = 0; k < 20000; ++k) x = x * 1664525 + 1013904223;"
                                    "  a[i] = x; }");
    REQUIRE(reply.outcome == Outcome::ok);
    kernel = worker.make_kernel(program, 0);
  }
  static Worker::Setting by_hand() {
    Worker::Setting setting;
    setting.grants_at_once = false;
    return setting;
  }
  // The driver compiles the kernel, which it does at the first launch. However often the worker gives its lease back
  // for that: an idle one at the build already, and another at the launch.
  Leased& compiled() {
    launch(1);
    REQUIRE(comes_true([&] { return grant_if_wanted(), queue.timeline->completed == queue.sequence; }));
    launched_before = 1;
    return *this;
  }
  void grant_if_wanted() {
    if (!worker.lease().held() && worker.lease().wants()) worker.lease().grant({});
  }
  // It may have given the lease back by itself.
  void take_lease_back() {
    (void)worker.lease().ask_back();
    REQUIRE(comes_true([&] { return !worker.lease().held(); }));
  }
  bool begins_to_compile() {
    return comes_true([&] {
      if ((worker.report().lease & lease_compiling) != 0) return !worker.lease().held() && worker.lease().wants();
      return grant_if_wanted(), false;
    });
  }
  std::uint64_t launches() { return worker.meter().launches - launched_before; }
  void launch(int times) {
    Arguments arguments;
    arguments.object(buffer.id);
    wire::KernelLaunch command;
    command.kernel = kernel;
    command.global_size[0] = items;
    command.argument_count = arguments.count();
    for (int i = 0; i < times; ++i) worker.enqueue(queue, command, false, {}, arguments.data());
  }

  static constexpr std::uint64_t items = 1024;
  Worker worker;
  Queue queue;
  Worker::Buffer buffer;
  ObjectId kernel = 0;
  std::uint64_t launched_before = 0;
};

TEST_CASE("a worker whose budget is used gives the lease back and says that it wants more") {
  LeaseTerms small;
  small.budget_ns = 1, small.window_ns = ns_per_ms;
  Leased leased;
  leased.compiled();
  LeaseGrantor& lease = leased.worker.lease();
  leased.take_lease_back();
  lease.grant(small);
  constexpr int launches = 5;
  leased.launch(launches);
  for (int turn = 1; turn < launches; ++turn) {
    REQUIRE(comes_true([&] { return !lease.held() && lease.wants(); }));
    // The first of a lease always goes. It is counted once the lease is back.
    CHECK(comes_true([&] { return leased.launches() == static_cast<unsigned>(turn); }));
    lease.grant(small);
  }
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.launches() == launches);
}

TEST_CASE("without a lease nothing runs, until there is one") {
  Leased leased;
  leased.compiled();
  LeaseGrantor& lease = leased.worker.lease();
  leased.take_lease_back();
  leased.launch(3);
  REQUIRE(comes_true([&] { return lease.wants(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(leased.launches() == 0);
  CHECK(leased.queue.timeline->completed == 1);
  lease.grant({});
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.launches() == 3);
}

TEST_CASE(
    "while the driver compiles what was launched the device is free, and the launch goes on under the next lease") {
  const bool daemon_dies = GENERATE(false, true);
  Leased leased;
  LeaseGrantor& lease = leased.worker.lease();
  leased.launch(2);  // a kernel that was never launched before
  REQUIRE(leased.begins_to_compile());
  CHECK(leased.worker.meter().commands == 0);
  if (daemon_dies) leased.worker.drop_link();
  else lease.grant({});
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.worker.meter().launches == 2);
  if (daemon_dies) return;
  leased.launch(2);  // now it is there
  CHECK(leased.worker.finish(leased.queue));
  CHECK(lease.held());
}

TEST_CASE("a worker that was asked back goes on by itself when the daemon is gone") {
  Leased leased;
  leased.take_lease_back();
  leased.launch(3);
  REQUIRE(comes_true([&] { return leased.worker.lease().wants(); }));
  leased.worker.drop_link();
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.worker.meter().launches == 3);
}

TEST_CASE("without a daemon a capped worker goes on from turn to turn") {
  Leased leased;
  leased.worker.lease().set_cap(500);
  leased.take_lease_back();
  leased.worker.drop_link();
  leased.launch(30);
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.worker.meter().launches == 30);
}

}  // namespace
}  // namespace sluice::test
