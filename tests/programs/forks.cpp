// fork and OpenCL.
//   fresh         forks before any call; parent and child each use OpenCL
//   after         the parent uses OpenCL, then forks; the child opens the device anew
//   inherited     the child calls with the parent's objects: it must get an error, at once
//   deep          a chain of five forks, each after use
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "simple.h"

namespace {

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int use(const char* who) {
  const simple::Device device = simple::open();
  std::printf("%s: %ld\n", who, simple::squares(device));
  std::fflush(stdout);
  return 0;
}

int use_inherited(const simple::Device& device, cl_mem memory) {
  int value = 0;
  const cl_int write =
      clEnqueueWriteBuffer(device.queue, memory, CL_TRUE, 0, sizeof value, &value, 0, nullptr, nullptr);
  const cl_int finish = clFinish(device.queue);
  cl_int code = CL_SUCCESS;
  cl_mem more = clCreateBuffer(device.context, CL_MEM_READ_WRITE, 64, nullptr, &code);
  std::printf("child with inherited objects: write %s, finish %s, create %s\n", write < 0 ? "fails" : "works",
              finish < 0 ? "fails" : "works", more == nullptr ? "fails" : "works");
  std::printf("release %d\n", clReleaseMemObject(memory));
  std::fflush(stdout);
  return 0;
}

void chain(int depth) {
  use(("depth " + std::to_string(depth)).c_str());
  if (depth == 5) return;
  const pid_t child = fork();
  if (child == 0) {
    chain(depth + 1);
    std::exit(0);
  }
  std::printf("depth %d: its child ended with %d\n", depth, wait_for(child));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "fresh";
  if (mode == "deep") {
    chain(1);
    return 0;
  }
  simple::Device device;
  cl_mem memory = nullptr;
  if (mode != "fresh") {
    device = simple::open();
    std::printf("parent first: %ld\n", simple::squares(device));
    memory = simple::buffer(device, 64);
    std::fflush(stdout);
  }
  const pid_t child = fork();
  if (child == 0) return mode == "inherited" ? use_inherited(device, memory) : use("child");
  std::printf("child ended with %d\n", wait_for(child));
  std::fflush(stdout);
  return mode == "fresh" ? use("parent") : std::printf("parent again: %ld\n", simple::squares(device)) < 0;
}
