// What kernels print, and the worker's last words, as the program's stdout and stderr get them.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/progress.h"
#include "tests/shim/opencl_fixture.h"

using namespace sluice;
using namespace sluice::test;

namespace {

// Leads a descriptor of this process into a pipe, for as long as it lives.
class Redirected {
 public:
  explicit Redirected(int fd) : fd_(fd), before_(dup(fd)) {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    reader_.reset(ends[0]);
    dup2(ends[1], fd);
    close(ends[1]);
  }
  ~Redirected() { restore(); }
  void restore() {
    if (before_.valid()) dup2(before_.get(), fd_);
    before_.reset();
  }
  // So many bytes, or what comes within five seconds.
  std::string read_some(std::size_t bytes) const {
    std::string text;
    while (text.size() < bytes) {
      pollfd awaited{reader_.get(), POLLIN, 0};
      char room[4096];
      if (poll(&awaited, 1, 5000) != 1) break;
      const ssize_t got = read(reader_.get(), room, std::min(sizeof room, bytes - text.size()));
      if (got <= 0) break;
      text.append(room, static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  const int fd_;
  UniqueFd before_, reader_;
};

void say(std::string_view text) {
  REQUIRE(write(STDOUT_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

void expect_output() { shim::Session::existing()->progress().expect_output(); }

// Fills the pipe that stdout is.
void clog_stdout() {
  const int flags = fcntl(STDOUT_FILENO, F_GETFL);
  fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
  const std::string junk(4096, '-');
  while (write(STDOUT_FILENO, junk.data(), junk.size()) > 0) {
  }
  fcntl(STDOUT_FILENO, F_SETFL, flags);
}

}  // namespace

TEST_CASE("what kernels print comes out although the program waits for nothing") {
  Program program;
  Redirected out(STDOUT_FILENO);
  program.pool.print("kernel\n");
  const std::string text = out.read_some(7);
  out.restore();
  CHECK(text == "kernel\n");
}

TEST_CASE("what a kernel printed stands before what the program prints once it knows that the kernel has ended") {
  Program program;
  cl_mem buffer = program.make_buffer(64);
  expect_output();
  Redirected out(STDOUT_FILENO);
  const auto round = [&](auto wait) {
    cl_event event = nullptr;
    program.pool.print("k");
    REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "x", 1, 0, 10, 0, nullptr, &event) == CL_SUCCESS);
    wait(event);
    say("p");
    clReleaseEvent(event);
  };
  std::string wanted;
  for (int i = 0; i < 200; ++i) {
    round([&](cl_event) { REQUIRE(clFinish(program.queue) == CL_SUCCESS); });
    round([&](cl_event event) { REQUIRE(clWaitForEvents(1, &event) == CL_SUCCESS); });
    round([&](cl_event event) {
      while (status_of(event) != CL_COMPLETE) {
      }
    });
    round([&](cl_event) { program.contents(buffer, 10); });
    wanted += "kpkpkpkp";
  }
  const std::string text = out.read_some(wanted.size());
  out.restore();
  CHECK(text == wanted);
}

TEST_CASE("what kernels print goes to the stdout of that moment") {
  Program program;
  expect_output();
  Redirected first(STDOUT_FILENO);
  program.pool.print("one");
  clFinish(program.queue);
  Redirected second(STDOUT_FILENO);
  program.pool.print("two");
  clFinish(program.queue);
  const std::string one = first.read_some(3), two = second.read_some(3);
  second.restore();
  first.restore();
  CHECK(one == "one");
  CHECK(two == "two");
}

TEST_CASE("a program whose stdout takes nothing still hears of its worker's death") {
  Program program;
  program.pool.hold();
  cl_mem buffer = program.make_buffer(64);
  Redirected out(STDOUT_FILENO);
  clog_stdout();
  program.pool.print("kernel");
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "x", 1, 0, 10, 0, nullptr, nullptr) == CL_SUCCESS);
  usleep(50'000);
  program.pool.die();
  const cl_int error = clFinish(program.queue);
  out.restore();
  CHECK(error == CL_OUT_OF_RESOURCES);
}

TEST_CASE("a program without a stdout goes on") {
  Program program;
  expect_output();
  const UniqueFd before(dup(STDOUT_FILENO));
  close(STDOUT_FILENO);
  program.pool.print("kernel");
  const cl_int error = clFinish(program.queue);
  dup2(before.get(), STDOUT_FILENO);
  CHECK(error == CL_SUCCESS);
}

TEST_CASE("a forked child takes nothing of what its parent's kernels print") {
  Program program;
  expect_output();
  Redirected out(STDOUT_FILENO);
  const pid_t child = fork();
  if (child == 0) {
    const UniqueFd nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
    dup2(nowhere.get(), STDOUT_FILENO);
    for (int i = 0; i < 200; ++i) {
      clFinish(program.queue);
      usleep(1000);
    }
    _exit(0);
  }
  std::string wanted;
  for (int i = 0; i < 50; ++i) {
    program.pool.print("k");
    wanted += "k";
    usleep(2000);
  }
  const std::string text = out.read_some(wanted.size());
  int status = -1;
  waitpid(child, &status, 0);
  out.restore();
  CHECK(text == wanted);
}

TEST_CASE("why a session was ended stands on stderr, once") {
  Program program;
  program.pool.hold();
  cl_mem buffer = program.make_buffer(64);
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "x", 1, 0, 10, 0, nullptr, nullptr) == CL_SUCCESS);
  Redirected err(STDERR_FILENO);
  program.pool.end("a command ran for too long");
  program.pool.die();
  const cl_int error = clFinish(program.queue);
  const std::string wanted = "sluice: this session was ended: a command ran for too long\n";
  std::string text = err.read_some(wanted.size());
  err.restore();
  text += err.read_some(1);
  CHECK(error == CL_OUT_OF_RESOURCES);
  CHECK(text == wanted);
}
