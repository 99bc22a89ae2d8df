// On a CPU device a kernel is code of the worker: these kernels make system calls, and get nowhere.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "rig.h"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

constexpr char call_kernel[] = R"(
  long call(long n, long a, long b, long c) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(0) : "rcx", "r11", "memory");
    return r;
  }
  __kernel void act(__global long* out, __global const char* text, long n, long a, long b, long c, int text_at) {
    if (text_at == 0) a = (long)text;
    if (text_at == 1) b = (long)text;
    out[0] = call(n, a, b, c);
  })";

class Inmate {
 public:
  Inmate() {
    Worker::Setting setting;
    setting.cache_folder = cache_.path();
    worker_.emplace(std::move(setting));
    worker_->attach();
    queue_ = worker_->make_queue();
    const ObjectId program = worker_->mint();
    const auto reply = worker_->build(program, call_kernel);
    INFO(reply.log);
    REQUIRE(reply.outcome == Outcome::ok);
    kernel_ = worker_->make_kernel(program, 0);
    out_ = worker_->make_buffer(64);
    text_ = worker_->make_buffer(4096);
  }

  // What the call returns inside a kernel; text_at: which argument is the text, or -1.
  long act(long number, long a, long b, long c, const std::string& text = "", int text_at = -1) {
    std::memcpy(worker_->at(text_.arena_at), text.c_str(), text.size() + 1);
    Arguments arguments;
    arguments.object(out_.id).object(text_.id).value(number).value(a).value(b).value(c).value(text_at);
    wire::KernelLaunch launch;
    launch.kernel = kernel_, launch.argument_count = arguments.count();
    worker_->enqueue(queue_, launch, false, {}, arguments.data());
    REQUIRE(worker_->finish(queue_));
    return *reinterpret_cast<const long*>(worker_->at(out_.arena_at));
  }
  long open(const std::string& path, int flags) { return act(SYS_openat, AT_FDCWD, 0, flags, path, 1); }
  Worker& worker() { return *worker_; }
  const std::string& cache() const { return cache_.path(); }

 private:
  ScratchFolder cache_;
  std::optional<Worker> worker_;
  Queue queue_;
  ObjectId kernel_ = 0;
  Worker::Buffer out_, text_;
};

bool kernel_has_landlock() { return syscall(444 /* landlock_create_ruleset */, nullptr, 0, 1) > 0; }

TEST_CASE("a kernel cannot reach the network, other processes or the system") {
  Inmate inmate;
  CHECK(inmate.act(SYS_getpid, 0, 0, 0) == inmate.worker().pid());
  CHECK(inmate.act(SYS_socket, AF_INET, SOCK_STREAM, 0) == -EPERM);
  CHECK(inmate.act(SYS_socket, AF_INET6, SOCK_DGRAM, 0) == -EPERM);
  CHECK(inmate.act(SYS_socket, AF_NETLINK, SOCK_RAW, 0) == -EPERM);
  CHECK(inmate.act(SYS_socket, AF_UNIX, SOCK_STREAM, 0) == -EPERM);  // the admin's, or any of the host's
  CHECK(inmate.act(SYS_connect, 3, 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_kill, getpid(), 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_kill, -1, 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_tgkill, getpid(), getpid(), 0) == -EPERM);
  CHECK(inmate.act(SYS_ptrace, 16, getpid(), 0) == -EPERM);
  CHECK(inmate.act(SYS_process_vm_readv, getpid(), 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_pidfd_open, getpid(), 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_mount, 0, 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_unshare, 0, 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_bpf, 0, 0, 0) == -EPERM);
  CHECK(inmate.act(SYS_prctl, PR_GET_DUMPABLE, 0, 0) == 0);
}

TEST_CASE("a kernel reads the system's libraries and its tenant's cache, and nothing else") {
  if (!kernel_has_landlock()) {
    WARN("no Landlock in this kernel");
    return;
  }
  Inmate inmate;
  const ScratchFolder elsewhere;
  std::ofstream(elsewhere.path() + "/secret") << "x";
  CHECK(inmate.open("/usr/lib/os-release", O_RDONLY) >= 0);
  CHECK(inmate.open(inmate.cache() + "/new", O_RDWR | O_CREAT) >= 0);
  CHECK(inmate.open("/etc/passwd", O_RDONLY) == -EACCES);
  CHECK(inmate.open("/etc/shadow", O_RDONLY) == -EACCES);
  CHECK(inmate.open("/root", O_RDONLY | O_DIRECTORY) == -EACCES);
  CHECK(inmate.open("/", O_RDONLY | O_DIRECTORY) == -EACCES);
  CHECK(inmate.open("/proc/" + std::to_string(getpid()) + "/environ", O_RDONLY) == -EACCES);
  CHECK(inmate.open(elsewhere.path() + "/secret", O_RDONLY) == -EACCES);
  CHECK(inmate.open(elsewhere.path() + "/new", O_RDWR | O_CREAT) == -EACCES);
  CHECK(inmate.open("/usr/lib/sluice-test-new", O_RDWR | O_CREAT) == -EACCES);
  CHECK(inmate.act(SYS_unlink, 0, 0, 0, elsewhere.path() + "/secret", 0) == -EACCES);
  CHECK(fs::exists(elsewhere.path() + "/secret"));
}

TEST_CASE("privileges are given up on every thread") {
  Worker worker(GENERATE(true, false) ? Worker::on_rusticl() : Worker::Setting{});
  worker.attach();
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(worker.pid()) + "/task")) {
    std::ifstream status(task.path() / "status");
    std::size_t found = 0;
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("CapEff:") || line.starts_with("CapPrm:")) {
        CHECK(line.find_first_not_of("0", line.find('\t') + 1) == std::string::npos);
        ++found;
      }
      if (line.starts_with("NoNewPrivs:")) CHECK(line.ends_with("1"));
      if (line.starts_with("Seccomp:")) CHECK(line.ends_with("2"));
      found += line.starts_with("NoNewPrivs:") || line.starts_with("Seccomp:") ? 1 : 0;
    }
    CHECK(found == 4);
  }
}

}  // namespace
}  // namespace sluice::test
