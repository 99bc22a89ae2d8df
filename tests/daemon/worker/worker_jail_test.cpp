// On a CPU device a kernel is code of the worker: these kernels make system calls, and get nowhere.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

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
    const long result = call(n, a, b, c);
    if (n == 57 && result == 0)
      for (;;) call(7, 0, 0, -1);  // the child of a fork shares the buffer, and stays
    out[0] = result;
  })";

class Inmate {
 public:
  explicit Inmate(Worker::Setting setting = {}) {
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

TEST_CASE("a kernel finds no network, no other process and no way into the system") {
  Inmate inmate;
  CHECK(inmate.act(SYS_getpid, 0, 0, 0) == 1);
  for (const long call :
       {SYS_socket,         SYS_socketpair,    SYS_connect, SYS_bind,         SYS_ptrace,   SYS_process_vm_readv,
        SYS_pidfd_open,     SYS_mount,         SYS_unshare, SYS_setns,        SYS_bpf,      SYS_perf_event_open,
        SYS_io_uring_setup, SYS_userfaultfd,   SYS_keyctl,  SYS_memfd_create, SYS_execveat, SYS_shmget,
        SYS_timer_create,   SYS_inotify_init1, SYS_clone3}) {
    INFO("system call " << call);
    CHECK(inmate.act(call, 0, 0, 0) == -ENOSYS);
  }
  // The first process of the session's own namespace finds no other in it.
  CHECK(inmate.act(SYS_kill, getpid(), SIGKILL, 0) == -ESRCH);
  CHECK(inmate.act(SYS_kill, inmate.worker().pid(), SIGKILL, 0) == -ESRCH);
  CHECK(inmate.act(SYS_kill, -1, SIGKILL, 0) == -ESRCH);
  CHECK(inmate.act(SYS_tgkill, getpid(), getpid(), SIGKILL) == -ESRCH);
  CHECK(inmate.act(SYS_prctl, PR_GET_DUMPABLE, 0, 0) == 0);
  // What the worker needed to shut its jail is over.
  for (const long call : {444L, 446L, static_cast<long>(SYS_seccomp), static_cast<long>(SYS_listen)}) {
    INFO("system call " << call);
    CHECK(inmate.act(call, 0, 0, 0) == -EPERM);
  }
}

TEST_CASE("a kernel on a card cannot choose other CPUs for itself, nor for a process that it starts") {
  Worker::Setting setting;
  setting.arguments = {"--bound"};
  Inmate bound(std::move(setting));
  CHECK(bound.act(SYS_sched_setaffinity, 0, sizeof(long), 0) == -ENOSYS);
  CHECK(bound.act(SYS_sched_getaffinity, 0, sizeof(long), 0) == -EFAULT);
  // Elsewhere drivers may.
  Inmate free;
  CHECK(free.act(SYS_sched_setaffinity, 0, sizeof(long), 0) == -EFAULT);
}

TEST_CASE("a kernel reads the system's libraries and its tenant's cache, and nothing else") {
  Inmate inmate;
  const ScratchFolder elsewhere;
  std::ofstream(elsewhere.path() + "/secret") << "x";
  CHECK(inmate.open("/usr/lib/os-release", O_RDONLY) >= 0);
  CHECK(inmate.open(worker_cache_path + std::string("/new"), O_RDWR | O_CREAT) >= 0);
  CHECK(fs::exists(inmate.cache() + "/new"));
  for (const char* path : {"/etc/passwd", "/etc/shadow", "/root", "/home", "/var", "/run", "/dev/mem", "/boot"}) {
    INFO(path);
    CHECK(inmate.open(path, O_RDONLY) == -ENOENT);
  }
  CHECK(inmate.open("/", O_RDONLY | O_DIRECTORY) == -EACCES);
  CHECK(inmate.open("/proc/" + std::to_string(getpid()) + "/environ", O_RDONLY) == -ENOENT);
  CHECK(inmate.open("/proc/kallsyms", O_RDONLY) == -EACCES);
  // The mount is read-only; and where no user of the worker owns the file, it is not even looked at.
  CHECK(inmate.open("/proc/sys/kernel/core_pattern", O_WRONLY) == (geteuid() == 0 ? -EROFS : -EACCES));
  CHECK(inmate.open(elsewhere.path() + "/secret", O_RDONLY) == -ENOENT);
  CHECK(inmate.open(worker_cache_path + std::string("/../secret"), O_RDONLY) < 0);
  CHECK(inmate.open("/usr/lib/sluice-test-new", O_RDWR | O_CREAT) < 0);
  CHECK(!fs::exists("/usr/lib/sluice-test-new"));
  CHECK(inmate.act(SYS_unlink, 0, 0, 0, elsewhere.path() + "/secret", 0) < 0);
  CHECK(fs::exists(elsewhere.path() + "/secret"));
}

TEST_CASE("what a kernel starts ends with its worker") {
  Inmate inmate;
  const auto processes = [&inmate] {
    std::set<std::string> found;
    std::error_code error;
    const auto own = fs::read_symlink("/proc/" + std::to_string(inmate.worker().pid()) + "/ns/pid", error);
    for (fs::directory_iterator at("/proc", error), end; at != end; at.increment(error)) {
      std::error_code gone;
      if (fs::read_symlink(at->path() / "ns/pid", gone) == own && !gone) found.insert(at->path().filename());
    }
    return found;
  };
  REQUIRE(inmate.act(SYS_fork, 0, 0, 0) > 0);
  const auto before = processes();
  REQUIRE(before.size() == 2);
  kill(inmate.worker().pid(), SIGKILL);
  inmate.worker().wait_for_exit();
  // The worker has ended only when its namespace is empty: pid_namespaces(7).
  for (const std::string& pid : before) CHECK_FALSE(fs::exists("/proc/" + pid));
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
