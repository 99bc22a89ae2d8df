// A session moves from one real worker to another while its program runs; the test is the daemon and the program.
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "rig.h"
#include "worker_calls.h"

namespace sluice::test {
namespace {

// A program that adds 1 to a buffer again and again.
struct Counting {
  explicit Counting(Worker& worker)
      : queue(worker.make_queue()),
        buffer(worker.make_buffer(4096)),
        kernel(make_kernel(worker, "__kernel void add(__global int* a) { a[get_global_id(0)] += 1; }")) {
    std::memset(worker.at(buffer.arena_at), 0, buffer.bytes);
  }
  Posted step(Worker& worker, std::vector<ObjectId> waits = {}, bool with_event = false) {
    ++steps;
    const Arguments arguments = Arguments().object(buffer.id);
    return worker.enqueue(queue, launch_of(kernel, 1024, arguments), with_event, std::move(waits), arguments.data());
  }
  bool is_right(Worker& worker) {
    if (!worker.finish(queue)) return false;
    const auto* values = reinterpret_cast<const int*>(worker.at(buffer.arena_at));
    return std::all_of(values, values + 1024, [this](int value) { return value == steps; });
  }

  Queue queue;
  Worker::Buffer buffer;
  ObjectId kernel = 0;
  int steps = 0;
};

TEST_CASE("a session moves from worker to worker in the middle of its commands") {
  auto worker = std::make_unique<Worker>();
  worker->attach();
  Counting program(*worker);
  for (int move = 0; move < 4; ++move) {
    for (int i = 0; i < 200; ++i) program.step(*worker);
    auto next = std::make_unique<Worker>();
    const MoveReport report = next->move_from(*worker);
    worker = std::move(next);
    CHECK(report.objects == 4);
    CHECK(report.bytes > report.bytes_in_pause);
    for (int i = 0; i < 50; ++i) program.step(*worker);
    REQUIRE(program.is_right(*worker));
    CHECK(worker->held_bytes() == 4096);
  }
}

TEST_CASE("what waits for the program's own event when the session moves runs once it is set") {
  Worker source, target;
  source.attach();
  Counting program(source);
  wire::UserEventCreate gate;
  gate.id = source.mint();
  source.post(gate);
  const Posted first = program.step(source, {gate.id}, true);
  program.step(source, {first.event});
  target.move_from(source);
  CHECK(*reinterpret_cast<const int*>(target.at(program.buffer.arena_at)) == 0);
  wire::UserEventSet set;
  set.id = gate.id;
  target.post(set);
  CHECK(program.is_right(target));
  CHECK(first.slot->stage == 0);
}

TEST_CASE("an aborted move leaves the session where it was, and it can move again") {
  Worker source;
  source.attach();
  Counting program(source);
  {
    Worker target;
    MoveWord word = target.begin_move(source);
    REQUIRE(target.hear()->kind == WorkerMessageKind::prepared);
    program.step(source);
    REQUIRE(word.abort());
    CHECK(target.hear()->kind == WorkerMessageKind::ended);
    const auto kept = source.hear();
    REQUIRE(kept);
    CHECK(kept->kind == WorkerMessageKind::kept);
    CHECK(kept->text != "");
  }
  program.step(source);
  CHECK(program.is_right(source));
  Worker target;
  target.move_from(source);
  program.step(target);
  CHECK(program.is_right(target));
}

TEST_CASE("a target that dies before the commit costs the session nothing") {
  Worker source;
  source.attach();
  Counting program(source);
  Worker target;
  MoveWord word = target.begin_move(source);
  kill(target.pid(), SIGKILL);
  const auto kept = source.hear();
  REQUIRE(kept);
  CHECK(kept->kind == WorkerMessageKind::kept);
  CHECK(word.state() == MoveState::aborted);
  program.step(source);
  CHECK(program.is_right(source));
}

TEST_CASE("a source that waits for a word that nobody says gives up, without a daemon too") {
  Worker source;
  source.attach();
  Counting program(source);
  Worker target;
  MoveWord word = target.begin_move(source);
  source.drop_link();
  target.drop_link();
  const Nanoseconds deadline_ns = now_ns() + 20 * ns_per_s;
  while (word.state() == MoveState::prepared && now_ns() < deadline_ns) usleep(1'000);
  CHECK(word.state() == MoveState::aborted);
  program.step(source);
  CHECK(program.is_right(source));
}

TEST_CASE("a command that does not end keeps the session where it is") {
  Worker source;
  source.attach();
  Queue queue = source.make_queue();
  const auto flag = source.make_buffer(4096);
  std::memset(source.at(flag.arena_at), 0, flag.bytes);
  const ObjectId kernel =
      make_kernel(source, "__kernel void spin(__global volatile int* stop) { while (*stop == 0) {} stop[1] = 7; }");
  const Arguments arguments = Arguments().object(flag.id);
  source.enqueue(queue, launch_of(kernel, 1, arguments), false, {}, arguments.data());
  Worker target;
  MoveWord word = target.begin_move(source);
  const auto kept = source.hear();
  REQUIRE(kept);
  CHECK(kept->kind == WorkerMessageKind::kept);
  CHECK_THAT(kept->text, Catch::Contains("still runs"));
  *reinterpret_cast<volatile int*>(source.at(flag.arena_at)) = 1;
  CHECK(source.finish(queue));
  CHECK(reinterpret_cast<const int*>(source.at(flag.arena_at))[1] == 7);
}

TEST_CASE("a program that ends during a move ends both workers") {
  Worker source;
  source.attach();
  Counting program(source);
  Worker target;
  MoveWord word = target.begin_move(source);
  source.drop_session();
  (void)target.hear();
  word.commit();
  CHECK(WIFEXITED(target.wait_for_exit()));
  CHECK(WIFEXITED(source.wait_for_exit()));
}

}  // namespace
}  // namespace sluice::test
