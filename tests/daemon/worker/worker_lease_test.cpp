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
  explicit Leased(const LeaseTerms& terms = {}) : worker(setting(terms)) {
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
  static Worker::Setting setting(const LeaseTerms& terms) {
    Worker::Setting setting;
    setting.lease = terms;
    return setting;
  }
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
};

TEST_CASE("a worker whose budget is used gives the lease back and says that it wants more") {
  LeaseTerms small;
  small.budget_ns = 1, small.window_ns = ns_per_ms;
  Leased leased(small);
  constexpr int launches = 5;
  leased.launch(launches);
  LeaseGrantor lease = leased.worker.lease();
  for (int turn = 1; turn < launches; ++turn) {
    REQUIRE(comes_true([&] { return !lease.held() && lease.wants(); }));
    // The first of a lease always goes. It is counted once the lease is back.
    CHECK(comes_true([&] { return leased.worker.meter().launches == static_cast<unsigned>(turn); }));
    lease.grant(small);
  }
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.worker.meter().launches == launches);
}

TEST_CASE("without a lease nothing runs, until there is one") {
  Leased leased;
  LeaseGrantor lease = leased.worker.lease();
  REQUIRE(lease.ask_back());
  leased.launch(3);
  REQUIRE(comes_true([&] { return lease.wants(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(leased.worker.meter().commands == 0);
  CHECK(leased.queue.timeline->completed == 0);
  lease.grant({});
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.worker.meter().launches == 3);
}

TEST_CASE("a worker that was asked back goes on by itself when the daemon is gone") {
  Leased leased;
  REQUIRE(leased.worker.lease().ask_back());
  leased.launch(3);
  REQUIRE(comes_true([&] { return leased.worker.lease().wants(); }));
  leased.worker.drop_link();
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.worker.meter().launches == 3);
}

TEST_CASE("without a daemon a capped worker goes on from turn to turn") {
  Leased leased;
  leased.worker.lease().set_cap(500);
  REQUIRE(leased.worker.lease().ask_back());
  leased.worker.drop_link();
  leased.launch(30);
  CHECK(leased.worker.finish(leased.queue));
  CHECK(leased.worker.meter().launches == 30);
}

}  // namespace
}  // namespace sluice::test
