// What kernels print in a real worker.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_calls.h"

namespace sluice::test {
namespace {

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
  REQUIRE_FALSE(
      wire::wait_completed(*queue.timeline, queue.sequence, std::atomic<bool>(false), {now_ns() + ns_per_s}, {}));
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

}  // namespace
}  // namespace sluice::test
