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
    const std::vector<std::byte> zeroes(4096);
    wire::BufferWrite write;
    write.buffer = buffer.id, write.bytes = zeroes.size(), write.arena_at = wire::no_offset;
    worker.enqueue(queue, write, false, {}, zeroes);
  }
  Posted step(Worker& worker, std::vector<ObjectId> waits = {}, bool with_event = false) {
    ++steps;
    const Arguments arguments = Arguments().object(buffer.id);
    return worker.enqueue(queue, launch_of(kernel, 1024, arguments), with_event, std::move(waits), arguments.data());
  }
  bool is_right(Worker& worker) {
    const int* values = read_back(worker, queue, buffer);
    return std::all_of(values, values + 1024, [this](int value) { return value == steps; });
  }

  Queue queue;
  Worker::Buffer buffer;
  ObjectId kernel = 0;
  int steps = 0;
};

TEST_CASE("a session moves from worker to worker in the middle of its commands") {
  const bool in_arena = GENERATE(true, false);
  const auto setting = [&] { return in_arena ? Worker::Setting() : Worker::on_rusticl(); };
  auto worker = std::make_unique<Worker>(setting());
  worker->attach();
  REQUIRE(worker->traits().buffers_in_arena == in_arena);
  Counting program(*worker);
  for (int move = 0; move < 3; ++move) {
    for (int i = 0; i < 60; ++i) program.step(*worker);
    auto next = std::make_unique<Worker>(setting());
    const MoveReport report = next->move_from(*worker);
    worker = std::move(next);
    CHECK(report.objects == 4);
    CHECK(report.bytes > report.bytes_in_pause);
    for (int i = 0; i < 50; ++i) program.step(*worker);
    REQUIRE(program.is_right(*worker));
    CHECK(worker->held_bytes() == 4096);
  }
}

// An int of the buffer's.
void write_int(Worker& worker, Queue& queue, const Worker::Buffer& buffer, std::uint64_t index, int value) {
  wire::BufferWrite write;
  write.buffer = buffer.id, write.bytes = 4, write.dst_offset = 4 * index, write.arena_at = wire::no_offset;
  worker.enqueue(queue, write, false, {}, std::as_bytes(std::span(&value, 1)));
}

TEST_CASE("memory of the device moves with what was written of it, parts and all") {
  auto worker = std::make_unique<Worker>(Worker::on_rusticl());
  worker->attach();
  Queue queue = worker->make_queue();
  const auto large = worker->make_buffer(24 << 20), parent = worker->make_buffer(1 << 20);
  wire::SubBufferCreate half;
  half.id = worker->mint();
  half.parent = parent.id;
  half.origin = half.bytes = 1 << 19;
  half.access = wire::device_reads | wire::device_writes;
  worker->post(half);
  const Worker::Buffer part{half.id, wire::no_offset, half.bytes};
  write_int(*worker, queue, large, 5, 50);
  write_int(*worker, queue, large, 6'000'000, 60);
  write_int(*worker, queue, parent, (1 << 17) + 3, 70);  // in the part
  worker->release(parent.id);
  for (int move = 0; move < 3; ++move) {
    auto next = std::make_unique<Worker>(Worker::on_rusticl());
    const MoveReport report = next->move_from(*worker);
    worker = std::move(next);
    CHECK(report.bytes < 4 << 20);  // the rest of it was never written
    write_int(*worker, queue, part, 4, 80 + move);
    const int* values = read_back(*worker, queue, large);
    CHECK((values[5] == 50 && values[6'000'000] == 60));
    values = read_back(*worker, queue, part);
    CHECK((values[3] == 70 && values[4] == 80 + move));
    CHECK(worker->held_bytes() == 25 << 20);
  }
}

// A kernel is named by its place, which the target must find again.
TEST_CASE("the kernels of a program have the same places in every worker") {
  const std::string source =
      "kernel void z(global int* a) {} kernel void b() {} kernel void y(int n) {} kernel void c() {}";
  for (int i = 0; i < 3; ++i) {
    Worker worker(Worker::on_rusticl());
    worker.attach();
    const auto reply = worker.build(worker.mint(), source);
    std::string names;
    for (const auto& kernel : reply.kernels) names += kernel.name;
    CHECK(names == "bcyz");
  }
}

TEST_CASE("an image of the device's own memory moves") {
  auto source = std::make_unique<Worker>(Worker::on_rusticl());
  source->attach();
  Queue queue = source->make_queue();
  wire::ImageCreate create;
  create.id = source->mint();
  create.width = create.height = 64;
  create.bytes = 64 * 64 * 4;
  create.channel_order = 0x10B5, create.channel_type = 0x10DA;  // RGBA, UNSIGNED_INT8
  create.kind = static_cast<std::uint32_t>(wire::ImageKind::d2);
  create.access = wire::device_reads | wire::device_writes;
  REQUIRE(source->call(create) == Outcome::ok);
  wire::ImageFill fill;
  fill.image = create.id;
  fill.origin = {8, 8, 0};
  fill.region = {4, 4, 1};
  for (auto& channel : fill.color) channel = 9;
  source->enqueue(queue, fill);
  Worker target(Worker::on_rusticl());
  target.move_from(*source);
  wire::ImageRead read;
  read.image = create.id;
  read.origin = {8, 8, 0};
  read.region = {4, 4, 1};
  read.arena_at = target.allocate(64);
  target.enqueue(queue, read);
  REQUIRE(target.finish(queue));
  const auto* bytes = target.at(read.arena_at);
  CHECK(std::all_of(bytes, bytes + 64, [](std::byte byte) { return byte == std::byte{9}; }));
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
  wire::UserEventSet set;
  set.id = gate.id;
  target.post(set);
  CHECK(program.is_right(target));
  CHECK(first.slot->stage == 0);
}

TEST_CASE("what kernels print after a move goes where it went before") {
  Worker source, target;
  source.attach();
  Queue queue = source.make_queue();
  const ObjectId kernel = make_kernel(source, "__kernel void say(int n) { printf(\"kernel %d\\n\", n); }");
  const auto say = [&](Worker& worker, int number) {
    const Arguments arguments = Arguments().value(number);
    worker.enqueue(queue, launch_of(kernel, 1, arguments), false, {}, arguments.data());
    REQUIRE(worker.finish(queue));
  };
  say(source, 1);
  target.move_from(source);
  say(target, 2);
  char said[64] = {};
  std::size_t length = 0;
  while (length < std::strlen("kernel 1\nkernel 2\n")) {
    const ssize_t got = read(target.output().get(), said + length, sizeof said - 1 - length);
    REQUIRE(got > 0);
    length += static_cast<std::size_t>(got);
  }
  CHECK(std::string(said) == "kernel 1\nkernel 2\n");
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
