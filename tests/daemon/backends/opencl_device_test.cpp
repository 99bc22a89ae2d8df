// The OpenCL backend on PoCL's first device, without a worker around it.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <thread>

#include "daemon/backends/opencl/api.h"
#include "daemon/backends/opencl/describe.h"
#include "daemon/backends/opencl/objects.h"
#include "daemon/backends/opencl/recent_builds.h"
#include "device_bench.h"
#include "wire/image_format.h"

namespace sluice::backend::opencl {
namespace {

std::unique_ptr<Backend> pocl() { return test::backend_of(test::pocl_icd); }

struct Bench : test::DeviceBench {
  Bench() : DeviceBench(pocl()) {}
};

TEST_CASE("the device is found, and describes itself the same way when it is opened") {
  const auto backend = pocl();
  auto found = backend->discover();
  REQUIRE(found.ok());
  REQUIRE(found.value().size() == backend->device_count());
  auto opened = backend->open(0);
  REQUIRE(opened.ok());
  wire::Encoder first, second;
  encode(first, found.value().front());
  encode(second, opened.value()->traits());
  CHECK(first.bytes() == second.bytes());
  CHECK(opened.value()->traits().compute_units > 0);
  CHECK(opened.value()->traits().global_memory_bytes > 0);
  CHECK(backend->open(1000).status().code() == Code::not_found);
}

TEST_CASE("times of events are times of this machine's monotonic clock") {
  Bench bench;
  for (std::uint64_t token = 1; token <= 20; ++token) {
    const Nanoseconds before = now_ns();
    REQUIRE(bench.device->marker(bench.how(token, true)).outcome == Outcome::ok);
    bench.device->flush(*bench.queue);
    const auto times = bench.ends.wait_for(token).times;
    const Nanoseconds after = now_ns();
    constexpr Nanoseconds slack_ns = 50 * ns_per_us;  // two clocks are never read at once
    CHECK(times.submitted_ns + slack_ns >= before);
    CHECK(times.submitted_ns <= times.started_ns);
    CHECK(times.started_ns <= times.ended_ns);
    CHECK(times.ended_ns <= after + slack_ns);
  }
}

TEST_CASE("queues on parts of the device work beside one on the whole, made and dropped without end") {
  Bench bench;
  const wire::DeviceTraits& traits = bench.device->traits();
  REQUIRE(traits.partitionable == (traits.compute_units > 1));
  if (!traits.partitionable) return;  // a machine with one core has nothing to divide
  for (std::uint64_t token = 1; token <= 200; ++token) {
    const auto first_unit = static_cast<std::uint32_t>(token % traits.compute_units);
    const auto part = bench.device->create_queue({.out_of_order = false, .first_unit = first_unit, .units = 1});
    REQUIRE(part.outcome == Outcome::ok);
    REQUIRE(bench.device->marker({part.object.get(), {}, token, false}).outcome == Outcome::ok);
    bench.device->flush(*part.object);
    CHECK(bench.ends.wait_for(token).outcome == Outcome::ok);
  }
  const auto none = bench.device->create_queue({.out_of_order = false, .first_unit = traits.compute_units, .units = 1});
  CHECK(none.outcome == Outcome::out_of_resources);
}

TEST_CASE("a pixel is as large as the driver says, for every format that it offers") {
  Bench bench;
  const wire::DeviceTraits& traits = bench.device->traits();
  std::vector<std::byte> pixels(4096 * 4);
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  cl_platform_id platform = nullptr;
  cl_device_id native = nullptr;
  REQUIRE(clGetPlatformIDs(1, &platform, nullptr) == CL_SUCCESS);
  REQUIRE(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &native, nullptr) == CL_SUCCESS);
  cl_int error = CL_SUCCESS;
  const ContextHandle context(clCreateContext(nullptr, 1, &native, nullptr, nullptr, &error));
  for (const wire::ImageFormat& format : traits.image_formats) {
    if (format.kind != wire::ImageKind::d2 || !seen.insert({format.channel_order, format.channel_type}).second)
      continue;
    const cl_image_format native_format{format.channel_order, format.channel_type};
    cl_image_desc shape{};
    shape.image_type = CL_MEM_OBJECT_IMAGE2D;
    shape.image_width = shape.image_height = 8;
    const MemoryHandle image(clCreateImage(context.get(), CL_MEM_READ_ONLY, &native_format, &shape, nullptr, &error));
    if (error != CL_SUCCESS) continue;
    INFO(std::hex << format.channel_order << " " << format.channel_type);
    CHECK(wire::pixel_bytes(format.channel_order, format.channel_type) ==
          value_of<std::size_t>(asking(clGetImageInfo, image.get()), CL_IMAGE_ELEMENT_SIZE));
  }
  CHECK(seen.size() > 10);
}

TEST_CASE("sizes of OpenCL C's own types are known, those of others are not") {
  CHECK(bytes_of_type("int") == 4);
  CHECK(bytes_of_type("uchar") == 1);
  CHECK(bytes_of_type("ulong2") == 16);
  CHECK(bytes_of_type("float3") == 16);
  CHECK(bytes_of_type("half16") == 32);
  CHECK(bytes_of_type("double8") == 64);
  CHECK(bytes_of_type("int5") == 0);
  CHECK(bytes_of_type("integer") == 0);
  CHECK(bytes_of_type("float4x") == 0);
  CHECK(bytes_of_type("struct point") == 0);
  CHECK(bytes_of_type("") == 0);
}

TEST_CASE("an argument of the wrong kind is refused before the driver takes it for a handle") {
  Bench bench;
  std::unique_ptr<Program> program;
  wire::BuildRequest request;
  request.source = "__kernel void k(__global int* a, int b, __local int* c) { a[0] = b + c[0]; }";
  REQUIRE(bench.device->build(request, {}, program).outcome == Outcome::ok);
  const auto kernel = bench.device->create_kernel(*program, 0);
  REQUIRE(kernel.outcome == Outcome::ok);
  alignas(128) std::byte memory[256] = {};
  const auto buffer = bench.device->create_buffer(256, std::span(memory), wire::device_reads | wire::device_writes);
  REQUIRE(buffer.outcome == Outcome::ok);
  const std::uint64_t wild = 0x4141414141414141;
  const int number = 5;
  ArgumentRef object{wire::ArgumentValue::object, {}, buffer.object.get(), nullptr, 0};
  ArgumentRef value{wire::ArgumentValue::bytes, std::as_bytes(std::span(&number, 1)), nullptr, nullptr, 0};
  ArgumentRef local{wire::ArgumentValue::local, {}, nullptr, nullptr, 64};
  ArgumentRef forged{wire::ArgumentValue::bytes, std::as_bytes(std::span(&wild, 1)), nullptr, nullptr, 0};
  std::uint64_t token = 0;
  const auto outcome_of = [&](std::vector<ArgumentRef> arguments) {
    Launch launch;
    launch.global_size = {1, 1, 1};
    launch.arguments = arguments;
    return bench.device->launch(bench.how(++token), *kernel.object, launch).outcome;
  };
  CHECK(outcome_of({forged, value, local}) == Outcome::invalid_kernel_arguments);
  CHECK(outcome_of({local, value, local}) == Outcome::invalid_kernel_arguments);
  CHECK(outcome_of({object, object, local}) == Outcome::invalid_kernel_arguments);
  CHECK(outcome_of({object, value, value}) == Outcome::invalid_kernel_arguments);
  CHECK(outcome_of({object, value}) == Outcome::invalid_kernel_arguments);
  CHECK(outcome_of({object, forged, local}) == Outcome::invalid_argument_size);
  CHECK(outcome_of({object, value, local}) == Outcome::ok);
  CHECK(bench.ends.wait_for(token).outcome == Outcome::ok);
  CHECK(bench.device->check_argument(*kernel.object, 1, 4) == Outcome::ok);
  CHECK(bench.device->check_argument(*kernel.object, 1, 8) == Outcome::invalid_argument_size);
  CHECK(bench.device->check_argument(*kernel.object, 0, 8) == Outcome::invalid_argument_size);
  CHECK(bench.device->check_argument(*kernel.object, 9, 4) == Outcome::invalid_argument_index);
}

TEST_CASE("a binary is refused unless it is whole and of this driver") {
  Bench bench;
  std::unique_ptr<Program> program, loaded;
  wire::BuildRequest request;
  request.source = "__kernel void k(__global int* a) { a[get_global_id(0)] = 1; }";
  REQUIRE(bench.device->build(request, {}, program).outcome == Outcome::ok);
  std::string container;
  REQUIRE(bench.device->binary(*program, container) == Outcome::ok);
  wire::BuildRequest load;
  load.verb = wire::BuildVerb::build_binary;
  load.source = container;
  const auto reply = bench.device->build(load, {}, loaded);
  CHECK(reply.outcome == Outcome::ok);
  REQUIRE(reply.kernels.size() == 1);
  CHECK(reply.kernels[0].arguments.at(0).kind == wire::ArgumentKind::memory);
  load.source[container.size() / 2] ^= 1;
  CHECK(bench.device->build(load, {}, loaded).outcome == Outcome::invalid_binary);
  load.source = "not a binary at all";
  CHECK(bench.device->build(load, {}, loaded).outcome == Outcome::invalid_binary);
}

std::unique_ptr<Program> built(Bench& bench, const std::string& source, const std::string& options = "") {
  std::unique_ptr<Program> program;
  wire::BuildRequest request;
  request.source = source;
  request.options = options;
  REQUIRE(bench.device->build(request, {}, program).outcome == Outcome::ok);
  return program;
}

cl_program native(const std::unique_ptr<Program>& program) {
  return static_cast<ProgramObject&>(*program).handle.get();
}

TEST_CASE("builds of the same text with the same options are one program of the driver's, and their kernels are not") {
  Bench bench;
  const std::string source = "__kernel void k(__global int* a) { a[get_global_id(0)] = 1; }";
  auto first = built(bench, source);
  const auto again = built(bench, source), other = built(bench, source, "-DX=1"), longer = built(bench, source + " ");
  CHECK(native(again) == native(first));
  CHECK(native(other) != native(first));
  CHECK(native(longer) != native(first));
  wire::BuildRequest load;
  load.verb = wire::BuildVerb::build_binary;
  REQUIRE(bench.device->binary(*first, load.source) == Outcome::ok);
  std::unique_ptr<Program> loaded, loaded_again;
  REQUIRE(bench.device->build(load, {}, loaded).outcome == Outcome::ok);
  REQUIRE(bench.device->build(load, {}, loaded_again).outcome == Outcome::ok);
  CHECK(native(loaded) == native(loaded_again));
  const auto kernel = bench.device->create_kernel(*first, 0);
  first = nullptr;  // what is shared outlives those who share it
  const auto twin = bench.device->create_kernel(*again, 0);
  REQUIRE(kernel.outcome == Outcome::ok);
  REQUIRE(twin.outcome == Outcome::ok);
  CHECK(static_cast<KernelObject&>(*kernel.object).handle.get() !=
        static_cast<KernelObject&>(*twin.object).handle.get());
}

TEST_CASE("a build is kept for later when nobody waits, not while commands wait for their turn") {
  namespace fs = std::filesystem;
  std::string folder = (fs::temp_directory_path() / "sluice-saver-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const auto kept = [&] {
    const auto files = fs::recursive_directory_iterator(folder + "/programs");
    return std::count_if(begin(files), end(files), [](const auto& entry) { return entry.is_regular_file(); });
  };
  {
    Bench bench;
    REQUIRE(bench.device->use_cache_folder(folder).ok());  // PoCL's own cache stays where it is: there is no symlink
    bench.ends.waiting = true;
    const auto program = built(bench, "__kernel void late(__global int* x) { *x = 1; }");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    CHECK(kept() == 0);
    bench.ends.waiting = false;
    for (int look = 0; look < 2000 && kept() == 0; ++look) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(kept() == 1);
  }
  fs::remove_all(folder);
}

TEST_CASE("a build is forgotten after as many others as are remembered") {
  Bench bench;
  const auto text = [](std::size_t i) { return "__kernel void k" + std::to_string(i) + "(__global int* a) {}"; };
  const auto first = built(bench, text(0));
  for (std::size_t i = 1; i < RecentBuilds::builds_max; ++i) built(bench, text(i));
  const auto used = built(bench, text(0));
  built(bench, text(RecentBuilds::builds_max));
  CHECK(native(used) == native(first));
  CHECK(native(built(bench, text(0))) == native(first));  // it was used since
  for (std::size_t i = 1; i <= RecentBuilds::builds_max; ++i) built(bench, text(i + 100));
  CHECK(native(built(bench, text(0))) != native(first));
}

Divisible first_kernels_division(Bench& bench, const std::unique_ptr<Program>& program) {
  const auto kernel = bench.device->create_kernel(*program, 0);
  REQUIRE(kernel.outcome == Outcome::ok);
  return kernel.object->divisible;
}

TEST_CASE("a launch that may be cut writes the same in pieces as it does whole") {
  Bench bench;
  const auto program = built(bench,
                             "kernel void k(global uint* out, global uint* sum) {\n"
                             "  local uint shared_sum; if (get_local_id(0) == 0) shared_sum = 0;\n"
                             "  barrier(CLK_LOCAL_MEM_FENCE);\n"
                             "  const uint x = get_global_id(0), y = get_global_id(1);\n"
                             "  atomic_add(&shared_sum, x * 31 + y); barrier(CLK_LOCAL_MEM_FENCE);\n"
                             "  out[y * 64 + x] = shared_sum + x; atomic_add(sum, shared_sum); }");
  const auto kernel = bench.device->create_kernel(*program, 0);
  REQUIRE(kernel.outcome == Outcome::ok);
  REQUIRE(kernel.object->divisible == Divisible::if_local_size_given);
  constexpr std::uint64_t width = 64, height = 48, local_height = 2;
  std::uint64_t token = 0;
  // What the kernel leaves behind, launched in pieces of so many rows, from an offset of the program's own.
  const auto run = [&](std::uint64_t rows) {
    alignas(128) static std::array<std::uint32_t, width * 64 + 32> memory;
    memory.fill(0);
    const auto bytes = std::as_writable_bytes(std::span(memory));
    const auto out = bench.device->create_buffer(width * 64 * 4, bytes.first(width * 64 * 4), wire::device_writes);
    const auto sum = bench.device->create_buffer(128, bytes.last(128), wire::device_reads | wire::device_writes);
    ArgumentRef arguments[2];
    arguments[0].value = arguments[1].value = wire::ArgumentValue::object;
    arguments[0].memory = out.object.get();
    arguments[1].memory = sum.object.get();
    for (std::uint64_t row = 0; row < height; row += rows) {
      Launch piece;
      piece.dimensions = 2;
      piece.global_offset = {0, 16 + row, 0};
      piece.global_size = {width, std::min(rows, height - row), 1};
      piece.local_size = {8, local_height, 1};
      piece.arguments = arguments;
      REQUIRE(bench.device->launch(bench.how(++token), *kernel.object, piece).outcome == Outcome::ok);
      bench.device->flush(*bench.queue);
    }
    CHECK(bench.ends.wait_for(token).outcome == Outcome::ok);
    return std::vector(memory.begin(), memory.end());
  };
  const auto whole = run(height);
  CHECK(whole[16 * width] != 0);
  CHECK(run(local_height) == whole);
  CHECK(run(10) == whole);
}

TEST_CASE("a program's binary keeps how its kernels may be cut, and so does a build that is shared") {
  Bench bench;
  const std::string whole = "kernel void k(global int* a) { a[get_global_id(0)] = get_num_groups(0); }";
  const std::string cut = "kernel void k(global int* a) { a[get_global_id(0)] = 1; }";
  for (const auto& [source, divisible] : {std::pair(whole, Divisible::never), std::pair(cut, Divisible::always)}) {
    const auto program = built(bench, source), again = built(bench, source);
    CHECK(first_kernels_division(bench, program) == divisible);
    CHECK(first_kernels_division(bench, again) == divisible);
    wire::BuildRequest load;
    load.verb = wire::BuildVerb::build_binary;
    REQUIRE(bench.device->binary(*program, load.source) == Outcome::ok);
    std::unique_ptr<Program> loaded;
    REQUIRE(bench.device->build(load, {}, loaded).outcome == Outcome::ok);
    CHECK(first_kernels_division(bench, loaded) == divisible);
  }
}

TEST_CASE("a program that is linked is judged by the text of all its parts") {
  Bench bench;
  const auto compiled = [&](const std::string& source) {
    std::unique_ptr<Program> program;
    wire::BuildRequest request;
    request.verb = wire::BuildVerb::compile;
    request.source = source;
    REQUIRE(bench.device->build(request, {}, program).outcome == Outcome::ok);
    return program;
  };
  const auto linked = [&](const std::string& helper) {
    const auto main = compiled("int f(int);\nkernel void k(global int* a) { a[get_global_id(0)] = f(1); }");
    const auto other = compiled(helper);
    Program* const inputs[] = {main.get(), other.get()};
    std::unique_ptr<Program> program;
    wire::BuildRequest request;
    request.verb = wire::BuildVerb::link;
    REQUIRE(bench.device->build(request, inputs, program).outcome == Outcome::ok);
    return first_kernels_division(bench, program);
  };
  CHECK(linked("int f(int x) { return x; }") == Divisible::always);
  CHECK(linked("int f(int x) { return get_group_id(0); }") == Divisible::never);
}

TEST_CASE("a command that fails early lets no later one of its queue in before new memory is filled with zeroes") {
  setenv("SLUICE_STAGED_MEMORY", "1", 1);
  Bench bench;
  unsetenv("SLUICE_STAGED_MEMORY");
  constexpr std::uint64_t bytes = 4096, long_fill_bytes = 256u << 20;
  const std::vector<std::byte> marks(bytes, std::byte{0xab});
  std::vector<std::byte> seen(bytes);
  const auto write = [&](Memory& to, std::uint64_t token, std::span<Event* const> wait_list) {
    return bench.device->write_buffer({bench.queue.get(), wait_list, token, false}, to, 0, marks).outcome;
  };
  // Fills run in order: that of the last buffer comes after those of the large ones, which take a while.
  const auto first = bench.device->create_buffer(long_fill_bytes, {}, wire::device_writes);
  const auto second = bench.device->create_buffer(long_fill_bytes, {}, wire::device_writes);
  const auto buffer = bench.device->create_buffer(bytes, {}, wire::device_reads | wire::device_writes);
  REQUIRE(buffer.outcome == Outcome::ok);
  const auto event = bench.device->create_user_event();
  REQUIRE(event.outcome == Outcome::ok);
  Event* const waits[] = {event.object.get()};
  REQUIRE(write(*buffer.object, 1, waits) == Outcome::ok);
  REQUIRE(write(*buffer.object, 2, {}) == Outcome::ok);
  bench.device->flush(*bench.queue);
  bench.device->set_user_event(*event.object, true);
  CHECK(bench.ends.wait_for(1).outcome != Outcome::ok);
  REQUIRE(write(*buffer.object, 3, {}) == Outcome::ok);
  REQUIRE(bench.device->read_buffer(bench.how(4), *buffer.object, 0, seen).outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  CHECK(bench.ends.wait_for(4).outcome == Outcome::ok);
  CHECK(seen == marks);
  // A fill that came late would show now.
  REQUIRE(bench.device->read_buffer(bench.how(5), *buffer.object, 0, seen).outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  CHECK(bench.ends.wait_for(5).outcome == Outcome::ok);
  CHECK(seen == marks);
}

}  // namespace
}  // namespace sluice::backend::opencl
