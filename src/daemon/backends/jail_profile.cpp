#include "daemon/backends/jail_profile.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "daemon/backends/opencl/jail_profile.h"

namespace sluice::backend {
namespace {

// Not /etc or /proc as a whole: other people's secrets are there.
constexpr const char* base_readable[] = {"/usr",
                                         "/bin",
                                         "/sbin",
                                         "/lib",
                                         "/lib32",
                                         "/lib64",
                                         "/libx32",
                                         "/etc/alternatives",
                                         "/etc/ld.so.cache",
                                         "/etc/ld.so.conf",
                                         "/etc/ld.so.conf.d",
                                         "/etc/localtime",
                                         "/sys/devices/system/cpu",
                                         "/sys/devices/system/node"};
constexpr const char* base_devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random"};

// An allow-list. What takes arguments that decide is in worker/system_calls.cpp: clone, fcntl, ioctl, mmap, prctl, ...
constexpr const char* base_calls[] = {
    // memory
    "munmap", "mremap", "mprotect", "madvise", "brk", "msync", "mincore", "membarrier",
    // files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "open", "openat", "close",
    "close_range", "stat", "fstat", "lstat", "newfstatat", "fstatat64", "statx", "statfs", "fstatfs", "lseek", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "mkdir", "mkdirat", "rmdir",
    "unlink", "unlinkat", "rename", "renameat", "renameat2", "truncate", "ftruncate", "fallocate", "fsync", "fdatasync",
    "flock", "umask", "utime", "utimes", "futimesat", "utimensat", "getcwd", "chdir", "fchdir", "dup", "dup2", "dup3",
    "pipe", "pipe2", "eventfd2", "sendfile", "copy_file_range", "fadvise64",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    // sockets that the worker was given
    "recvmsg", "sendmsg", "recvfrom", "sendto", "accept4", "getsockopt", "getsockname", "shutdown",
    // processes and threads: all of them in its own namespace
    "fork", "vfork", "execve", "wait4", "waitid", "exit", "exit_group", "getpid", "gettid", "getppid", "getpgrp",
    "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "kill",
    "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend",
    "sigaltstack", "set_tid_address", "set_robust_list", "rseq", "futex", "sched_yield", "sched_getaffinity",
    "sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
    "getpriority", "getrlimit", "getrusage", "times", "sysinfo", "uname", "arch_prctl", "getcpu", "get_mempolicy",
    // time
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "restart_syscall",
    "getrandom"};

constexpr JailProfile base{"base", base_readable, base_devices, {}, base_calls, {}};

}  // namespace

const JailProfile& base_jail_profile() { return base; }

std::span<const JailProfile* const> jail_profiles() {
  static const std::array<const JailProfile*, 1> all{&opencl::jail_profile()};
  return all;
}

bool has_devices(const JailProfile& profile) {
  return std::any_of(profile.devices.begin(), profile.devices.end(),
                     [](const char* path) { return access(path, F_OK) == 0; });
}

}  // namespace sluice::backend
