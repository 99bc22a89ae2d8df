// What a session builds is there for the tenant's next one.
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "daemon/backends/opencl/binary_container.h"
#include "rig.h"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

constexpr char source[] =
    "__kernel __attribute__((work_group_size_hint(4, 1, 1))) void cached(__global int* a)\n"
    "{ a[get_global_id(0)] = 11; }";

std::size_t entries(const std::string& folder) {
  std::error_code error;
  std::size_t count = 0;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) ++count;
  return count;
}

Worker::Setting with_cache(const ScratchFolder& cache) {
  Worker::Setting setting;
  setting.cache_folder = cache.path();
  return setting;
}

void run_once(Worker& worker, ObjectId program) {
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(256);
  Arguments arguments;
  arguments.object(buffer.id);
  wire::KernelLaunch launch;
  launch.kernel = worker.make_kernel(program, 0), launch.global_size[0] = 16, launch.argument_count = 1;
  worker.enqueue(queue, launch, false, {}, arguments.data());
  REQUIRE(worker.finish(queue));
  CHECK(reinterpret_cast<const int*>(worker.at(buffer.arena_at))[15] == 11);
}

void build_and_run(Worker& worker) {
  const ObjectId program = worker.mint();
  REQUIRE(worker.build(program, source).outcome == Outcome::ok);
  run_once(worker, program);
}

TEST_CASE("an idle session saves what it built, and the next one takes it from there") {
  const ScratchFolder cache;
  wire::KernelTraits fresh;
  {
    Worker worker(with_cache(cache));
    worker.attach();
    const ObjectId program = worker.mint();
    const auto reply = worker.build(program, source);
    REQUIRE(reply.outcome == Outcome::ok);
    fresh = reply.kernels.at(0);
    CHECK(fresh.attributes.find("work_group_size_hint(4") != std::string::npos);
    run_once(worker, program);
    for (int tries = 0; entries(cache.path() + "/programs") == 0 && tries < 1000; ++tries) usleep(10'000);
    CHECK(entries(cache.path() + "/programs") == 1);
    CHECK(entries(cache.path() + "/pocl") > 0);  // the driver's own cache is the tenant's too
  }
  Worker worker(with_cache(cache));
  worker.attach();
  const ObjectId program = worker.mint();
  const auto reply = worker.build(program, source);
  REQUIRE(reply.outcome == Outcome::ok);
  REQUIRE(reply.kernels.size() == 1);
  CHECK(reply.kernels[0].arguments.at(0).name == "a");
  CHECK(reply.kernels[0].attributes == fresh.attributes);
  CHECK(reply.kernels[0].local_bytes == fresh.local_bytes);
  CHECK(reply.kernels[0].private_bytes == fresh.private_bytes);
  run_once(worker, program);
  // A hit is not saved again, and other options are another build.
  REQUIRE(worker.build(worker.mint(), source, "-DX=1").outcome == Outcome::ok);
  for (int tries = 0; entries(cache.path() + "/programs") < 2 && tries < 1000; ++tries) usleep(10'000);
  CHECK(entries(cache.path() + "/programs") == 2);
}

TEST_CASE("Mesa's own cache, which tenants would share, is off; builds are saved in the tenant's folder all the same") {
  const ScratchFolder cache, home;
  Worker::Setting setting = Worker::on_rusticl();
  setting.cache_folder = cache.path();
  setting.environment["HOME"] = home.path();
  Worker worker(std::move(setting));
  worker.attach();
  REQUIRE(worker.build(worker.mint(), source).outcome == Outcome::ok);
  for (int tries = 0; entries(cache.path() + "/programs") == 0 && tries < 1000; ++tries) usleep(10'000);
  CHECK(entries(cache.path() + "/programs") == 1);
  CHECK(entries(home.path()) == 0);
  std::ifstream maps(fs::path("/proc") / std::to_string(worker.pid()) / "maps");
  for (std::string line; std::getline(maps, line);) CHECK(line.find("shader_cache") == std::string::npos);
}

TEST_CASE("a program that ends at once still leaves its build behind") {
  const ScratchFolder cache;
  Worker worker(with_cache(cache));
  worker.attach();
  REQUIRE(worker.build(worker.mint(), source).outcome == Outcome::ok);
  worker.drop_session();
  worker.wait_for_exit();
  CHECK(entries(cache.path() + "/programs") == 1);
}

TEST_CASE("a damaged file in the cache is built anew") {
  const ScratchFolder cache;
  for (int round = 0; round < 2; ++round) {
    Worker worker(with_cache(cache));
    worker.attach();
    build_and_run(worker);
    worker.drop_session();
    worker.wait_for_exit();
    REQUIRE(entries(cache.path() + "/programs") == 1);
    const fs::path file = fs::directory_iterator(cache.path() + "/programs")->path();
    fs::resize_file(file, fs::file_size(file) / 2);
  }
}

// In PoCL's binary: the length of the name, the name, the length of the file, the file.
void cut_program_out(std::string& native) {
  constexpr std::string_view name = "/program.bc";
  const std::size_t at = native.find(name);
  REQUIRE(at < 128);
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, native.data() + at + name.size(), sizeof bytes);
  native.erase(at - sizeof bytes, sizeof bytes + name.size() + sizeof bytes + bytes);
}

// Leaves the build whole for the cache, and such that PoCL aborts.
void damage_build(const fs::path& file) {
  using namespace backend::opencl;
  std::string bytes(fs::file_size(file), '\0');
  std::ifstream(file, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  Digest make{};
  std::memcpy(make.data(), bytes.data() + 16, make.size());
  auto container = unpack(bytes, make);
  REQUIRE(container);
  cut_program_out(container->native);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << pack(*container);
}

TEST_CASE("a build that ends its worker when it is loaded does so once: the tenant's next session builds it anew") {
  const ScratchFolder cache;
  {
    Worker worker(with_cache(cache));
    worker.attach();
    REQUIRE(worker.build(worker.mint(), source).outcome == Outcome::ok);
    worker.drop_session();
    worker.wait_for_exit();
    REQUIRE(entries(cache.path() + "/programs") == 1);
  }
  damage_build(fs::directory_iterator(cache.path() + "/programs")->path());
  {
    Worker worker(with_cache(cache));
    worker.attach();
    worker.post_build(worker.mint(), source);
    CHECK(worker.wait_for_exit() != 0);
  }
  Worker worker(with_cache(cache));
  worker.attach();
  build_and_run(worker);
}

TEST_CASE("a build is not saved once the driver's cache has been emptied under it") {
  const ScratchFolder cache;
  {
    Worker worker(with_cache(cache));
    worker.attach();
    REQUIRE(worker.build(worker.mint(), source).outcome == Outcome::ok);
    for (const auto& entry : fs::directory_iterator(cache.path() + "/pocl")) fs::remove_all(entry.path());
    worker.drop_session();
    worker.wait_for_exit();
  }
  Worker worker(with_cache(cache));
  worker.attach();
  build_and_run(worker);
}

TEST_CASE("a text that includes files is not taken from the cache: the files may have changed") {
  const ScratchFolder cache;
  Worker worker(with_cache(cache));
  worker.attach();
  // Without the file the build fails; what matters is that nothing is saved for a text that names one.
  REQUIRE(worker.build(worker.mint(), std::string("  # include \"/usr/include/limits.h\"\n") + source).outcome !=
          Outcome::internal);
  REQUIRE(worker.build(worker.mint(), std::string("// permission to include this notice\n") + source).outcome ==
          Outcome::ok);
  worker.drop_session();
  worker.wait_for_exit();
  CHECK(entries(cache.path() + "/programs") == 1);
}

}  // namespace
}  // namespace sluice::test
