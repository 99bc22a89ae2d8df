// The worker as a process, on PoCL: the whole path from a command in the ring to a word in the program's memory.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "rig.h"

namespace sluice::test {
namespace {

constexpr char square[] =
    "__kernel void square(__global int* out, __global const int* in, int add) {"
    "  size_t i = get_global_id(0); out[i] = in[i] * in[i] + add; }";

TEST_CASE("a program computes through a worker: build, write, launch, read, count") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  constexpr int items = 1024;
  const auto in = worker.make_buffer(items * 4), out = worker.make_buffer(items * 4);
  CHECK(worker.held_bytes() == 2 * items * 4);
  const ObjectId program = worker.mint();
  const auto reply = worker.build(program, square);
  INFO(reply.log);
  REQUIRE(reply.outcome == Outcome::ok);
  REQUIRE(reply.kernels.size() == 1);
  CHECK(reply.kernels[0].name == "square");
  REQUIRE(reply.kernels[0].arguments.size() == 3);
  CHECK(reply.kernels[0].arguments[0].kind == wire::ArgumentKind::memory);
  CHECK(reply.kernels[0].arguments[2].kind == wire::ArgumentKind::bytes);
  CHECK(reply.kernels[0].arguments[2].size_bytes == 4);
  const ObjectId kernel = worker.make_kernel(program, 0);

  const std::uint64_t staging = worker.allocate(items * 4);
  auto* numbers = reinterpret_cast<int*>(worker.at(staging));
  for (int i = 0; i < items; ++i) numbers[i] = i;
  wire::BufferWrite write;
  write.buffer = in.id, write.bytes = items * 4, write.arena_at = staging;
  worker.enqueue(queue, write);
  Arguments arguments;
  arguments.object(out.id).object(in.id).value(7);
  wire::KernelLaunch launch;
  launch.kernel = kernel, launch.global_size[0] = items, launch.argument_count = arguments.count();
  const Posted launched = worker.enqueue(queue, launch, true, {}, arguments.data());
  const std::uint64_t result = worker.allocate(items * 4);
  wire::BufferRead read;
  read.buffer = out.id, read.bytes = items * 4, read.arena_at = result;
  worker.enqueue(queue, read);
  REQUIRE(worker.finish(queue));

  const auto* squares = reinterpret_cast<const int*>(worker.at(result));
  for (int i = 0; i < items; ++i) REQUIRE(squares[i] == i * i + 7);
  CHECK(launched.slot->stage == static_cast<int>(wire::EventStage::complete));
  CHECK(launched.slot->queued_ns <= launched.slot->submitted_ns);
  CHECK(launched.slot->submitted_ns <= launched.slot->started_ns);
  CHECK(launched.slot->started_ns < launched.slot->ended_ns);
  CHECK(launched.slot->ended_ns <= now_ns());
  CHECK(worker.meter().launches == 1);
  CHECK(worker.meter().commands == 3);
  CHECK(worker.meter().bytes_in == items * 4);
  CHECK(worker.meter().bytes_out == items * 4);
  CHECK(worker.meter().device_ns > 0);
  CHECK(worker.meter().failures == 0);

  worker.release(in.id);
  worker.release(out.id);
  worker.drop_session();
  const int status = worker.wait_for_exit();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(worker.meter().memory_bytes == 0);
  CHECK(worker.meter().memory_peak_bytes == 2 * items * 4);
}

wire::KernelLaunch launch_of(ObjectId kernel, std::uint64_t items, const Arguments& arguments) {
  wire::KernelLaunch launch;
  launch.kernel = kernel;
  launch.global_size[0] = items;
  launch.argument_count = arguments.count();
  return launch;
}

// A read of a whole buffer into fresh room in the arena.
const int* read_back(Worker& worker, Queue& queue, const Worker::Buffer& buffer) {
  wire::BufferRead read;
  read.buffer = buffer.id, read.bytes = buffer.bytes, read.arena_at = worker.allocate(buffer.bytes);
  worker.enqueue(queue, read);
  REQUIRE(worker.finish(queue));
  return reinterpret_cast<const int*>(worker.at(read.arena_at));
}

ObjectId make_kernel(Worker& worker, const std::string& source) {
  const ObjectId program = worker.mint();
  const auto reply = worker.build(program, source);
  INFO(reply.log);
  REQUIRE(reply.outcome == Outcome::ok);
  return worker.make_kernel(program, 0);
}

TEST_CASE("where a device has memory of its own, buffers start as zeroes and everything is staged") {
  Worker::Setting setting;
  setting.environment["SLUICE_STAGED_MEMORY"] = "1";
  Worker worker(std::move(setting));
  REQUIRE_FALSE(worker.traits().buffers_in_arena);
  worker.attach();
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(4096 + 12);
  const int* zeroes = read_back(worker, queue, buffer);
  for (std::size_t i = 0; i < buffer.bytes / 4; ++i) REQUIRE(zeroes[i] == 0);
  const ObjectId kernel = make_kernel(worker, "__kernel void add(__global int* a) { a[get_global_id(0)] += 5; }");
  Arguments arguments;
  arguments.object(buffer.id);
  worker.enqueue(queue, launch_of(kernel, 1000, arguments), false, {}, arguments.data());
  worker.enqueue(queue, launch_of(kernel, 10, arguments), false, {}, arguments.data());
  const int* sums = read_back(worker, queue, buffer);
  CHECK(sums[0] == 10);
  CHECK(sums[999] == 5);
  CHECK(sums[1000] == 0);
}

TEST_CASE("a buffer in the arena is the program's own memory") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(4096);
  auto* numbers = reinterpret_cast<int*>(worker.at(buffer.arena_at));
  numbers[3] = 37;
  const ObjectId kernel = make_kernel(worker, "__kernel void add(__global int* a) { a[get_global_id(0)] += 5; }");
  Arguments arguments;
  arguments.object(buffer.id);
  worker.enqueue(queue, launch_of(kernel, 8, arguments), false, {}, arguments.data());
  REQUIRE(worker.finish(queue));
  CHECK(numbers[3] == 42);
}

TEST_CASE("data that comes with a write, patterns, copies and rectangles arrive where they should") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const auto a = worker.make_buffer(1024), b = worker.make_buffer(1024);
  const int pattern[] = {1, 2};
  wire::BufferFill fill;
  fill.buffer = a.id, fill.bytes = 1024, fill.pattern_bytes = sizeof pattern;
  worker.enqueue(queue, fill, false, {}, std::as_bytes(std::span(pattern)));
  const int words[] = {70, 71, 72, 73};
  wire::BufferWrite write;
  write.buffer = a.id, write.dst_offset = 16, write.bytes = sizeof words, write.arena_at = wire::nowhere;
  worker.enqueue(queue, write, false, {}, std::as_bytes(std::span(words)));
  wire::BufferCopy copy;
  copy.src = a.id, copy.dst = b.id, copy.src_offset = 0, copy.dst_offset = 512, copy.bytes = 64;
  worker.enqueue(queue, copy);
  // Two rows of two words, out of 64-byte rows of b, from byte 512 + 16 on.
  wire::BufferReadRect rect;
  rect.buffer = b.id, rect.origin = {16, 8, 0}, rect.region = {8, 2, 1};
  rect.row_pitch = 64, rect.slice_pitch = 1024, rect.arena_at = worker.allocate(64);
  worker.enqueue(queue, rect);
  REQUIRE(worker.finish(queue));
  CHECK(queue.timeline->first_error == 0);
  const auto* rows = reinterpret_cast<const int*>(worker.at(rect.arena_at));
  CHECK(rows[0] == 70);
  CHECK(rows[1] == 71);
  CHECK(reinterpret_cast<const int*>(worker.at(a.arena_at))[255] == 2);
}

TEST_CASE("an image of any kind can be filled, written in part and read back, in the arena or out of it") {
  const bool staged = GENERATE(false, true);
  Worker::Setting setting;
  if (staged) setting.environment["SLUICE_STAGED_MEMORY"] = "1";
  Worker worker(std::move(setting));
  worker.attach();
  Queue queue = worker.make_queue();
  struct Shape {
    wire::ImageKind kind;
    std::uint64_t width, height, depth, layers;
    wire::Box region;
  };
  const Shape shapes[] = {{wire::ImageKind::d1, 40, 1, 1, 0, {40, 1, 1}},
                          {wire::ImageKind::d1_array, 40, 1, 1, 5, {40, 5, 1}},
                          {wire::ImageKind::d2, 40, 7, 1, 0, {40, 7, 1}},
                          {wire::ImageKind::d2_array, 40, 7, 1, 3, {40, 7, 3}},
                          {wire::ImageKind::d3, 40, 7, 4, 0, {40, 7, 4}}};
  for (const Shape& shape : shapes) {
    INFO("kind " << static_cast<int>(shape.kind));
    const std::uint64_t pixels = shape.region.x * shape.region.y * shape.region.z;
    wire::ImageCreate create;
    create.id = worker.mint();
    create.kind = static_cast<std::uint32_t>(shape.kind);
    create.width = shape.width, create.height = shape.height, create.depth = shape.depth, create.layers = shape.layers;
    create.channel_order = 0x10B5, create.channel_type = 0x10DA;  // RGBA, UNSIGNED_INT8
    create.access = wire::device_reads | wire::device_writes;
    create.bytes = pixels * 4;
    if (worker.traits().images_in_arena) create.arena_at = worker.allocate(pixels * 4);
    REQUIRE(worker.call(create) == Outcome::ok);
    wire::ImageFill fill;
    fill.image = create.id, fill.region = shape.region;
    for (auto& channel : fill.color) channel = 9;
    worker.enqueue(queue, fill);
    wire::ImageWrite write;
    write.image = create.id, write.origin = {2, shape.region.y - 1, shape.region.z - 1}, write.region = {3, 1, 1};
    write.arena_at = worker.allocate(12);
    std::memset(worker.at(write.arena_at), 0x55, 12);
    worker.enqueue(queue, write);
    wire::ImageRead read;
    read.image = create.id, read.region = shape.region, read.arena_at = worker.allocate(pixels * 4);
    worker.enqueue(queue, read);
    REQUIRE(worker.finish(queue));
    REQUIRE(queue.timeline->first_error == 0);
    const auto* got = reinterpret_cast<const std::uint32_t*>(worker.at(read.arena_at));
    const std::uint64_t written_at = ((shape.region.z - 1) * shape.region.y + shape.region.y - 1) * shape.region.x + 2;
    for (std::uint64_t i = 0; i < pixels; ++i)
      REQUIRE(got[i] == (i >= written_at && i < written_at + 3 ? 0x55555555 : 0x09090909));
    // In the arena, pixels lie packed, as the program expects.
    if (create.arena_at != wire::nowhere) CHECK(std::memcmp(worker.at(create.arena_at), got, pixels * 4) == 0);
  }
}

TEST_CASE("queues wait for each other's events and for user events") {
  Worker worker;
  worker.attach();
  Queue first = worker.make_queue(), second = worker.make_queue(true);
  const auto buffer = worker.make_buffer(64);
  wire::UserEventCreate gate;
  gate.id = worker.mint();
  worker.post(gate);
  const int one = 1, two = 2;
  wire::BufferFill fill;
  fill.buffer = buffer.id, fill.bytes = 64, fill.pattern_bytes = 4;
  const Posted early = worker.enqueue(first, fill, true, {gate.id}, std::as_bytes(std::span(&one, 1)));
  worker.enqueue(second, fill, false, {early.event}, std::as_bytes(std::span(&two, 1)));
  usleep(20'000);
  CHECK(first.timeline->completed == 0);
  CHECK(second.timeline->completed == 0);
  wire::UserEventSet open;
  open.id = gate.id;
  worker.post(open);
  REQUIRE(worker.finish(second));
  CHECK(first.timeline->completed == 1);
  CHECK(*reinterpret_cast<const int*>(worker.at(buffer.arena_at)) == 2);
}

TEST_CASE("what waits for a user event that failed ends with an error, and so does what waits for that") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue(), other = worker.make_queue();
  wire::UserEventCreate gate;
  gate.id = worker.mint();
  worker.post(gate);
  const Posted waiting = worker.enqueue(queue, wire::Marker{}, true, {gate.id});
  const Posted after = worker.enqueue(other, wire::Marker{}, true, {waiting.event});
  wire::UserEventSet fail;
  fail.id = gate.id, fail.failed = 1;
  worker.post(fail);
  REQUIRE(worker.finish(queue));
  REQUIRE(worker.finish(other));
  CHECK(waiting.slot->stage < 0);
  CHECK(after.slot->stage < 0);
  CHECK(worker.meter().failures == 2);
  // The queues work on; only what waits for what has failed fails too.
  const Posted late = worker.enqueue(queue, wire::Marker{}, true, {gate.id});
  const Posted later = worker.enqueue(other, wire::Marker{}, true, {waiting.event});
  const Posted free = worker.enqueue(other, wire::Marker{}, true);
  REQUIRE(worker.finish(queue));
  REQUIRE(worker.finish(other));
  CHECK(late.slot->stage < 0);
  CHECK(later.slot->stage < 0);
  CHECK(free.slot->stage == 0);
}

TEST_CASE("a thousand launches in a row end in order and are all counted") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(4096);
  const ObjectId kernel =
      make_kernel(worker, "__kernel void add(__global int* a, int n) { if (a[0] == n) a[0] = n + 1; }");
  for (int i = 0; i < 1000; ++i) {
    Arguments arguments;
    arguments.object(buffer.id).value(i);
    worker.enqueue(queue, launch_of(kernel, 1, arguments), false, {}, arguments.data());
  }
  REQUIRE(worker.finish(queue));
  CHECK(*reinterpret_cast<const int*>(worker.at(buffer.arena_at)) == 1000);
  CHECK(worker.meter().launches == 1000);
}

TEST_CASE("a buffer that takes the place of a released one is the one that the kernel sees") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const ObjectId kernel = make_kernel(worker, "__kernel void put(__global int* a) { a[0] = 7; }");
  for (int round = 0; round < 50; ++round) {
    const auto buffer = worker.make_buffer(256);
    Arguments arguments;
    arguments.object(buffer.id);
    worker.enqueue(queue, launch_of(kernel, 1, arguments), false, {}, arguments.data());
    REQUIRE(worker.finish(queue));
    REQUIRE(*reinterpret_cast<const int*>(worker.at(buffer.arena_at)) == 7);
    worker.release(buffer.id);
  }
}

TEST_CASE("a slice's memory limit holds to the byte, and the program lives on") {
  Worker worker;
  worker.attach();
  constexpr std::uint64_t limit = 256ull << 20;
  Worker::Buffer most, more;
  REQUIRE(worker.make_buffer(limit - 4096, most) == Outcome::ok);
  CHECK(worker.make_buffer(4097, more) == Outcome::quota_exceeded);
  CHECK(worker.make_buffer(4096, more) == Outcome::ok);
  worker.release(most.id);
  CHECK(worker.make_buffer(limit - 4096, most) == Outcome::ok);
  CHECK(worker.held_bytes() == limit);
}

TEST_CASE("a program that does not build says why, and another one builds after it") {
  Worker worker;
  worker.attach();
  const auto reply = worker.build(worker.mint(), "__kernel void k() { this is no C }");
  CHECK(reply.outcome == Outcome::build_failed);
  CHECK(reply.log.find("error") != std::string::npos);
  CHECK(worker.build(worker.mint(), square).outcome == Outcome::ok);
  CHECK(worker.build(worker.mint(), square, "-no-such-option").outcome == Outcome::invalid_build_options);
}

TEST_CASE("programs are compiled apart, with headers, and linked") {
  Worker worker;
  worker.attach();
  wire::BuildRequest part;
  part.verb = wire::BuildVerb::compile;
  part.source = "#include \"lib.h\"\nint helper(int x) { return x * FACTOR; }";
  part.headers.push_back({"lib.h", "#define FACTOR 3\n"});
  const ObjectId library = worker.mint(), kernels = worker.mint(), linked = worker.mint();
  auto reply = worker.build(library, part);
  INFO(reply.log);
  REQUIRE(reply.outcome == Outcome::ok);
  CHECK(reply.binary_kind == wire::BinaryKind::compiled_object);
  part.source = "int helper(int x); __kernel void k(__global int* a) { a[0] = helper(14); }";
  part.headers.clear();
  REQUIRE(worker.build(kernels, part).outcome == Outcome::ok);
  wire::BuildRequest link;
  link.verb = wire::BuildVerb::link;
  link.inputs = {library, kernels};
  reply = worker.build(linked, link);
  INFO(reply.log);
  REQUIRE(reply.outcome == Outcome::ok);
  REQUIRE(reply.kernels.size() == 1);
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(64);
  Arguments arguments;
  arguments.object(buffer.id);
  worker.enqueue(queue, launch_of(worker.make_kernel(linked, 0), 1, arguments), false, {}, arguments.data());
  REQUIRE(worker.finish(queue));
  CHECK(*reinterpret_cast<const int*>(worker.at(buffer.arena_at)) == 42);
  link.inputs = {4711};
  wire::Encoder encoder;
  encode(encoder, link);
  wire::ProgramBuild command;
  command.id = worker.mint(), command.request_bytes = encoder.bytes().size();
  command.request_at = worker.allocate(command.request_bytes);
  std::memcpy(worker.at(command.request_at), encoder.bytes().data(), encoder.bytes().size());
  CHECK(worker.call(command) == Outcome::invalid_object);
}

TEST_CASE("a program's binary runs in another session") {
  std::vector<std::byte> binary;
  {
    Worker worker;
    worker.attach();
    const ObjectId program = worker.mint();
    REQUIRE(worker.build(program, square).outcome == Outcome::ok);
    wire::ProgramBinary command;
    command.id = program;
    REQUIRE(worker.call(command, &binary) == Outcome::ok);
    REQUIRE(binary.size() > 100);
  }
  Worker worker;
  worker.attach();
  wire::BuildRequest load;
  load.verb = wire::BuildVerb::build_binary;
  load.source.assign(reinterpret_cast<const char*>(binary.data()), binary.size());
  const ObjectId program = worker.mint();
  const auto reply = worker.build(program, load);
  REQUIRE(reply.outcome == Outcome::ok);
  Queue queue = worker.make_queue();
  const auto in = worker.make_buffer(64), out = worker.make_buffer(64);
  reinterpret_cast<int*>(worker.at(in.arena_at))[1] = 6;
  Arguments arguments;
  arguments.object(out.id).object(in.id).value(1);
  worker.enqueue(queue, launch_of(worker.make_kernel(program, 0), 2, arguments), false, {}, arguments.data());
  REQUIRE(worker.finish(queue));
  CHECK(reinterpret_cast<const int*>(worker.at(out.arena_at))[1] == 37);
}

TEST_CASE("what a kernel printed has left the worker when its command is complete") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const ObjectId kernel = make_kernel(worker, "__kernel void say(int n) { printf(\"kernel says %d\\n\", n); }");
  Arguments arguments;
  arguments.value(123);
  worker.enqueue(queue, launch_of(kernel, 1, arguments), false, {}, arguments.data());
  REQUIRE(worker.finish(queue));
  char text[256] = {};
  REQUIRE(fcntl(worker.output().get(), F_SETFL, O_NONBLOCK) == 0);
  REQUIRE(read(worker.output().get(), text, sizeof text - 1) > 0);
  CHECK(std::string(text) == "kernel says 123\n");
}

// More than a pipe holds: the kernel waits for somebody to read.
void print_much(Worker& worker, Queue& queue) {
  const ObjectId kernel = make_kernel(worker, R"CL(__kernel void say(int n) {
    for (int i = 0; i < n; ++i) printf("%060d\n", i);
  })CL");
  Arguments arguments;
  arguments.value(100'000);
  wire::KernelLaunch launch = launch_of(kernel, 4096, arguments);
  worker.enqueue(queue, launch, false, {}, arguments.data());
  REQUIRE_FALSE(wire::wait_completed(*queue.timeline, queue.sequence, std::atomic<bool>(false), now_ns() + ns_per_s));
}

TEST_CASE("a program that does not read what its kernels print keeps its worker from nothing but that") {
  Worker worker;
  worker.attach();
  Queue printing = worker.make_queue();
  print_much(worker, printing);
  worker.make_buffer(1 << 20);  // a call is answered
  SECTION("and it ends with its program") {
    const Nanoseconds before = now_ns();
    worker.drop_session();
    CHECK(WEXITSTATUS(worker.wait_for_exit()) == 0);
    CHECK(now_ns() - before < 3 * ns_per_s);
  }
  SECTION("and it ends when it is told to") {
    worker.tell(WorkerMessageKind::ended);
    CHECK(WEXITSTATUS(worker.wait_for_exit()) == 1);
  }
}

TEST_CASE("bytes that the program says it copied are carried over, within reason") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const auto rest = [&] {
    worker.enqueue(queue, wire::Marker{});
    REQUIRE(worker.finish(queue));
    usleep(5000);
  };
  worker.ring().control().host_bytes_in = 1000;
  worker.ring().control().host_bytes_out = 500;
  rest();
  CHECK(worker.meter().host_bytes_in == 1000);
  CHECK(worker.meter().host_bytes_out == 500);
  worker.ring().control().host_bytes_in = UINT64_MAX;
  rest();
  worker.ring().control().host_bytes_in = 17;
  rest();
  CHECK(worker.meter().host_bytes_in == 1000);
}

// Eight to the power of `levels` terms.
std::string macro_bomb(int levels) {
  std::string source = "#define X0 +x[0]\n";
  for (int i = 1; i <= levels; ++i) {
    const std::string below = " X" + std::to_string(i - 1);
    source += "#define X" + std::to_string(i);
    for (int j = 0; j < 8; ++j) source += below;
    source += "\n";
  }
  return source + "__kernel void bomb(__global int* x) { x[0] = X" + std::to_string(levels) + "; }";
}

// Posts a build without waiting for its end.
void begin_build(Worker& worker, const std::string& source) {
  wire::BuildRequest request;
  request.source = source;
  wire::Encoder encoder;
  encode(encoder, request);
  wire::ProgramBuild command;
  command.id = worker.mint();
  command.request_bytes = encoder.bytes().size();
  command.request_at = worker.allocate(command.request_bytes);
  std::memcpy(worker.at(command.request_at), encoder.bytes().data(), encoder.bytes().size());
  worker.make_slot<wire::ReplySlot>(command.call.reply_at);
  worker.post(command);
}

TEST_CASE("a build that takes more than it may ends its session with the reason, and others are served meanwhile") {
  const auto [option, value, reason] = GENERATE(std::make_tuple("--build-seconds", "1", "limits.build_s"),
                                                std::make_tuple("--build-memory", "50000000", "limits.build_memory"));
  Worker::Setting setting;
  setting.arguments = {option, value};
  Worker hostile(std::move(setting)), honest;
  hostile.attach();
  honest.attach();
  begin_build(hostile, macro_bomb(9));
  CHECK(honest.build(honest.mint(), "__kernel void fine(__global int* a) { a[0] = 1; }").outcome == Outcome::ok);
  const auto ended = hostile.hear();
  REQUIRE(ended);
  CHECK(ended->kind == WorkerMessageKind::ended);
  CHECK(ended->text.find(reason) != std::string::npos);
  CHECK(WEXITSTATUS(hostile.wait_for_exit()) == 1);
}

TEST_CASE("more program text than may be kept is refused, and the session goes on") {
  Worker::Setting setting;
  setting.memory_limit_bytes = 512ull << 20;
  Worker worker(std::move(setting));
  worker.attach();
  std::string source(60 << 20, ' ');
  source += "__kernel void k(__global int* a) { a[0] = 1; }";
  wire::BuildRequest request;
  request.source = source;
  wire::Encoder encoder;
  encode(encoder, request);
  wire::ProgramBuild command;
  command.request_bytes = encoder.bytes().size();
  command.request_at = worker.allocate(command.request_bytes);
  std::memcpy(worker.at(command.request_at), encoder.bytes().data(), encoder.bytes().size());
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 5; ++i) {
    command.id = worker.mint();
    std::vector<std::byte> data;
    outcomes.push_back(worker.call(command, &data));
  }
  CHECK(std::count(outcomes.begin(), outcomes.end(), Outcome::ok) == 4);
  CHECK(outcomes.back() == Outcome::out_of_host_memory);
  CHECK(worker.build(worker.mint(), "__kernel void fine(__global int* a) { a[0] = 1; }").outcome == Outcome::ok);
}

}  // namespace
}  // namespace sluice::test
