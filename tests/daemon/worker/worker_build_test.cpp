// Programs that a real worker builds, and what it refuses to.
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "worker_calls.h"

namespace sluice::test {
namespace {

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
  setting.memory_bytes = 512ull << 20;
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
