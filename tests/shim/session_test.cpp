// How a process comes to its session, and what forks and threads see of it.
#include <CL/cl_ext.h>
#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/shim/opencl_fixture.h"

using namespace sluice::test;

namespace {

// What `body` writes to stderr.
template <typename Body>
std::string stderr_of(Body body) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const int before = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  body();
  dup2(before, STDERR_FILENO);
  close(before);
  close(ends[1]);
  std::string text(4096, '\0');
  const ssize_t got = read(ends[0], text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  close(ends[0]);
  return text;
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

cl_uint count_platforms() {
  cl_uint count = 99;
  const cl_int error = clGetPlatformIDs(0, nullptr, &count);
  CHECK((error == CL_SUCCESS || error == CL_PLATFORM_NOT_FOUND_KHR));
  return count;
}

// Runs `body` in a forked child; its exit status.
template <typename Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("without a pool there is no platform, and one line says why") {
  setenv("SLUICE_SOCKET", "/nonexistent/tenant.sock", 1);
  const std::string said = stderr_of([] {
    CHECK(count_platforms() == 0);
    CHECK(count_platforms() == 0);
  });
  REQUIRE(
      said ==
      "sluice: no pool: cannot reach sluiced at /nonexistent/tenant.sock (start it, or unset LD_PRELOAD); no device "
      "is offered\n");
}

TEST_CASE("a size that is none is named in one line, and there is no platform") {
  FakePool::start();
  setenv("SLUICE_MEMORY", "lots", 1);
  const std::string said = stderr_of([] { CHECK(count_platforms() == 0); });
  REQUIRE(lines_in(said) == 1);
  REQUIRE(said.find("SLUICE_MEMORY") != std::string::npos);
  setenv("SLUICE_MEMORY", "64MiB", 1);
  REQUIRE(count_platforms() == 1);
}

TEST_CASE("a token file that holds none is named in one line without what it holds, and there is no platform") {
  FakePool::start();
  char path[] = "/tmp/sluice-token-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  REQUIRE(write(file, "my secret diary\n", 16) == 16);
  close(file);
  setenv("SLUICE_TOKEN_FILE", path, 1);
  const std::string said = stderr_of([] { CHECK(count_platforms() == 0); });
  REQUIRE(lines_in(said) == 1);
  REQUIRE(said.find(path) != std::string::npos);
  REQUIRE(said.find("diary") == std::string::npos);
  unlink(path);
  REQUIRE(count_platforms() == 0);
  unsetenv("SLUICE_TOKEN_FILE");
  REQUIRE(count_platforms() == 1);
}

TEST_CASE("a forked child finds its parent's objects lost, and does not disturb the parent") {
  Program program;
  Bytes data = counting(1000);
  cl_mem buffer = program.make_buffer(data.size(), CL_MEM_COPY_HOST_PTR, data.data());
  program.pool.hold();
  cl_event event = nullptr;
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "x", 1, 0, 10, 0, nullptr, &event) == CL_SUCCESS);
  const int wrong = in_child([&] {
    int failures = clFinish(program.queue) != CL_OUT_OF_RESOURCES;
    failures += clWaitForEvents(1, &event) != CL_OUT_OF_RESOURCES;
    failures += clEnqueueFillBuffer(program.queue, buffer, "y", 1, 0, 10, 0, nullptr, nullptr) != CL_OUT_OF_RESOURCES;
    cl_int error = CL_SUCCESS;
    clCreateBuffer(program.context, 0, 64, nullptr, &error);
    failures += error != CL_OUT_OF_RESOURCES;
    clReleaseEvent(event);
    clReleaseMemObject(buffer);
    clReleaseCommandQueue(program.queue);
    return failures;
  });
  REQUIRE(wrong == 0);
  program.pool.let_go();
  REQUIRE(clWaitForEvents(1, &event) == CL_SUCCESS);
  std::fill_n(data.begin(), 10, 'x');
  REQUIRE(program.contents(buffer, data.size()) == data);
}

namespace {

void CL_CALLBACK count_error(cl_event, cl_int status, void* errors) {
  if (status < 0) ++*static_cast<std::atomic<int>*>(errors);
}

// Does a callback on an event of a process before this one come, with an error?
bool hears_of_loss(cl_event event) {
  std::atomic<int> errors{0};
  if (clSetEventCallback(event, CL_COMPLETE, count_error, &errors) != CL_SUCCESS) return false;
  for (int i = 0; i < 2000 && errors == 0; ++i) usleep(1000);
  return errors == 1;
}

}  // namespace

TEST_CASE("callbacks on inherited events come in a forked child and in its own, and the parent's in the parent alone") {
  Program program;
  program.pool.hold();
  cl_mem buffer = program.make_buffer(64);
  cl_event event = nullptr;
  std::atomic<int> errors{0};
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "x", 1, 0, 10, 0, nullptr, &event) == CL_SUCCESS);
  REQUIRE(clSetEventCallback(event, CL_COMPLETE, count_error, &errors) == CL_SUCCESS);
  const int wrong = in_child([&] {
    const bool here = hears_of_loss(event);
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(hears_of_loss(event) ? 0 : 1);
    int status = -1;
    waitpid(grandchild, &status, 0);
    return (here ? 0 : 1) + (status == 0 ? 0 : 2) + (errors == 0 ? 0 : 4);
  });
  CHECK(wrong == 0);
  program.pool.let_go();
  REQUIRE(clWaitForEvents(1, &event) == CL_SUCCESS);
  CHECK(errors == 0);
}

TEST_CASE("a child forked in the middle of other threads' calls can still end") {
  Program program;
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back([&] {
      cl_mem buffer = program.make_buffer(100'000);
      Bytes data(100'000);
      while (!stop) {
        cl_event event = nullptr;
        clEnqueueWriteBuffer(program.queue, buffer, CL_FALSE, 0, data.size(), data.data(), 0, nullptr, nullptr);
        clEnqueueReadBuffer(program.queue, buffer, CL_FALSE, 0, data.size(), data.data(), 0, nullptr, &event);
        clWaitForEvents(1, &event);
        clReleaseEvent(event);
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const int wrong = in_child([&] {
      cl_int error = CL_SUCCESS;
      clCreateBuffer(program.context, 0, 64, nullptr, &error);
      return (error != CL_OUT_OF_RESOURCES) + (clFinish(program.queue) != CL_OUT_OF_RESOURCES);
    });
    REQUIRE(wrong == 0);
  }
  stop = true;
  for (std::thread& thread : busy) thread.join();
}

TEST_CASE("threads that share a queue each read back what they wrote") {
  Program program;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < 6; ++id) {
    const std::size_t bytes = 3000 + id * 7000;
    cl_mem buffer = program.make_buffer(bytes);
    threads.emplace_back([&program, &wrong, id, bytes, buffer] {
      for (unsigned round = 0; round < 100; ++round) {
        Bytes data = counting(bytes, id * 31 + round), read(bytes);
        const bool blocking = round % 3 == 0;
        clEnqueueFillBuffer(program.queue, buffer, "z", 1, 0, bytes, 0, nullptr, nullptr);
        clEnqueueWriteBuffer(program.queue, buffer, blocking, 0, bytes, data.data(), 0, nullptr, nullptr);
        cl_event event = nullptr;
        clEnqueueReadBuffer(program.queue, buffer, round % 2 == 0, 0, bytes, read.data(), 0, nullptr, &event);
        clWaitForEvents(1, &event);
        clReleaseEvent(event);
        wrong += read != data;
      }
      clReleaseMemObject(buffer);
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
}

// Builds a text of so many bytes on each of 48 threads, of which at least `at_once` must come to the worker before any
// build ends.
void build_at_once(std::size_t text_bytes, std::size_t at_once) {
  Program program;
  constexpr std::size_t count = 48;
  const std::string text = "kernel void nothing() {}" + std::string(text_bytes, ' ');
  std::vector<cl_int> errors(count, CL_SUCCESS);
  std::vector<std::jthread> threads;
  for (cl_int& error : errors)
    threads.emplace_back([&] {
      const char* source = text.c_str();
      cl_program built = clCreateProgramWithSource(program.context, 1, &source, nullptr, nullptr);
      error = clBuildProgram(built, 1, &program.device, "", nullptr, nullptr);
      clReleaseProgram(built);
    });
  const auto seen = [&] { return program.pool.commands_seen(sluice::wire::Op::program_build); };
  for (int i = 0; i < 5000 && seen() < at_once; ++i) usleep(1000);
  CHECK(seen() >= at_once);
  usleep(50'000);  // so that those come for whom there is no room
  CHECK(seen() < count);
  program.pool.fail_builds();
  threads.clear();
  for (const cl_int error : errors) CHECK(error == CL_BUILD_PROGRAM_FAILURE);
  CHECK(seen() == count);
}

TEST_CASE("many threads that build at once wait for the room of each other's answers, and none is refused") {
  build_at_once(64, 24);
}

TEST_CASE("so they do for the room of each other's texts") { build_at_once(2 << 20, 12); }
