// A real worker's memory: buffers and images, in the arena or out of it, and their limit.
#include <unistd.h>

#include <cstring>

#include "worker_calls.h"

namespace sluice::test {
namespace {

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
  write.buffer = a.id, write.dst_offset = 16, write.bytes = sizeof words, write.arena_at = wire::no_offset;
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
    if (create.arena_at != wire::no_offset) CHECK(std::memcmp(worker.at(create.arena_at), got, pixels * 4) == 0);
  }
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

}  // namespace
}  // namespace sluice::test
