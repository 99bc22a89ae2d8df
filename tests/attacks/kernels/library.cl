// For kernels that attack: system calls from inside PoCL's CPU device, whose kernels are native code of the worker.
// Addresses are longs. Everything here is OpenCL C with inline assembly; nothing of the project's code is used.

#define B(address) (*(volatile global uchar*)(address))
#define W(address) (*(volatile global uint*)(address))
#define Q(address) (*(volatile global long*)(address))

long sys6(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  __asm__ volatile("movq %5, %%r10\n\tmovq %6, %%r8\n\tmovq %7, %%r9\n\tsyscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f)
                   : "rcx", "r8", "r9", "r10", "r11", "memory");
  return result;
}
#define sys0(number) sys6(number, 0, 0, 0, 0, 0, 0)
#define sys1(number, a) sys6(number, (long)(a), 0, 0, 0, 0, 0)
#define sys2(number, a, b) sys6(number, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(number, a, b, c) sys6(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(number, a, b, c, d) sys6(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define sys5(number, a, b, c, d, e) sys6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

enum {
  SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_fstat = 5, SYS_lseek = 8, SYS_mmap = 9, SYS_mprotect = 10,
  SYS_munmap = 11, SYS_ioctl = 16, SYS_sched_yield = 24, SYS_madvise = 28, SYS_shmget = 29, SYS_shmat = 30, SYS_dup2 = 33,
  SYS_nanosleep = 35, SYS_getpid = 39, SYS_socket = 41, SYS_connect = 42, SYS_accept = 43, SYS_sendto = 44,
  SYS_sendmsg = 46, SYS_recvmsg = 47, SYS_bind = 49, SYS_listen = 50, SYS_socketpair = 53, SYS_setsockopt = 54,
  SYS_clone = 56, SYS_fork = 57, SYS_execve = 59, SYS_exit = 60, SYS_wait4 = 61, SYS_kill = 62, SYS_fcntl = 72,
  SYS_ftruncate = 77, SYS_rename = 82, SYS_mkdir = 83, SYS_unlink = 87, SYS_symlink = 88, SYS_readlink = 89,
  SYS_chmod = 90, SYS_fchmod = 91, SYS_chown = 92, SYS_ptrace = 101, SYS_getuid = 102, SYS_setuid = 105, SYS_setsid = 112,
  SYS_setreuid = 113, SYS_setresuid = 117, SYS_mknod = 133, SYS_getpriority = 140, SYS_setpriority = 141,
  SYS_sched_setscheduler = 144, SYS_prctl = 157, SYS_setrlimit = 160, SYS_chroot = 161, SYS_mount = 165,
  SYS_setxattr = 188, SYS_tkill = 200, SYS_futex = 202, SYS_sched_setaffinity = 203, SYS_timer_create = 222,
  SYS_exit_group = 231, SYS_tgkill = 234, SYS_utimes = 235, SYS_mq_open = 240, SYS_add_key = 248, SYS_ioprio_set = 251,
  SYS_inotify_init = 253, SYS_inotify_add_watch = 254, SYS_openat = 257, SYS_fchownat = 260, SYS_fchmodat = 268,
  SYS_unshare = 272, SYS_fallocate = 285, SYS_pipe2 = 293, SYS_inotify_init1 = 294, SYS_perf_event_open = 298,
  SYS_prlimit64 = 302, SYS_open_by_handle_at = 304, SYS_setns = 308, SYS_process_vm_writev = 311, SYS_memfd_create = 319,
  SYS_bpf = 321, SYS_execveat = 322, SYS_userfaultfd = 323, SYS_pidfd_send_signal = 424, SYS_io_uring_setup = 425,
  SYS_pidfd_open = 434, SYS_clone3 = 435, SYS_pidfd_getfd = 438, SYS_fchmodat2 = 452
};

// Memory of the kernel's own: zero, in pages.
long memory(long bytes) { return sys6(SYS_mmap, 0, bytes, 3, 0x22, -1, 0); }

long length(long text) {
  long count = 0;
  while (B(text + count) != 0) ++count;
  return count;
}
// The words that the program was given, counted from 0.
long word(global char* words, int which) {
  long at = (long)words;
  for (int i = 0; i < which; ++i) at += length(at) + 1;
  return at;
}
long number(global char* words, int which) {
  long at = word(words, which), sign = 1, value = 0;
  if (B(at) == '-') sign = -1, ++at;
  for (; B(at) >= '0' && B(at) <= '9'; ++at) value = value * 10 + (B(at) - '0');
  return sign * value;
}
void copy(long to, long from, long bytes) {
  for (long i = 0; i < bytes; ++i) B(to + i) = B(from + i);
}
// Puts text, or a number, at the end of the text at `to`.
void append(long to, long from) { copy(to + length(to), from, length(from) + 1); }
void append_number(long to, long value) {
  long digits[20], count = 0;
  do digits[count++] = '0' + value % 10; while ((value /= 10) != 0);
  to += length(to);
  while (count > 0) B(to++) = (uchar)digits[--count];
  B(to) = 0;
}
void append_constant(long to, constant char* from) {
  to += length(to);
  for (; *from != 0; ++from) B(to++) = (uchar)*from;
  B(to) = 0;
}
long text_of(constant char* from) {
  long made = memory(4096);
  append_constant(made, from);
  return made;
}
bool starts_with(long text, long with) {
  for (; B(with) != 0; ++with, ++text)
    if (B(text) != B(with)) return false;
  return true;
}
bool contains(long text, long end, long what) {
  for (; text < end; ++text)
    if (starts_with(text, what)) return true;
  return false;
}

void sleep_ms(long milliseconds) {
  long duration[2] = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  sys2(SYS_nanosleep, (long)duration, 0);
}
long now_ns() {
  long time[2];
  sys2(228, 1, (long)time);  // clock_gettime, CLOCK_MONOTONIC
  return time[0] * 1000000000 + time[1];
}
long compute_until(long end_ns) {
  long rounds = 0;
  while (now_ns() < end_ns)
    for (volatile int i = 0; i < 100000; ++i) ++rounds;
  return rounds;
}
// A child that shares nothing: 0 in the child.
long fork() { return sys5(SYS_clone, 17, 0, 0, 0, 0); }
void leave() {
  for (;;) sys1(SYS_exit_group, 0);
}
void rest() {
  for (;;) sleep_ms(1000);
}

// A whole file, ended by a zero, in memory of `bytes` bytes.
long read_file(long path, long bytes) {
  const long at = memory(bytes);
  const long file = sys3(SYS_open, path, 0, 0);
  long got = 0, count = 0;
  while (file >= 0 && got < bytes - 1 && (count = sys3(SYS_read, file, at + got, bytes - 1 - got)) > 0) got += count;
  if (file >= 0) sys1(SYS_close, file);
  return at;
}
long hexadecimal(long at) {
  long value = 0;
  for (;; ++at) {
    const uchar c = B(at);
    if (c >= '0' && c <= '9') value = value * 16 + (c - '0');
    else if (c >= 'a' && c <= 'f') value = value * 16 + (c - 'a' + 10);
    else return value;
  }
}
long after(long at, uchar what) {
  while (B(at) != 0 && B(at) != what) ++at;
  return B(at) == 0 ? at : at + 1;
}
// The start of the `which`th mapping whose line in /proc/self/maps holds `name`; 0 for none. Its end and its second
// letter of rights, 'w' or '-', in `about`.
long find_mapping(long name, int which, private long* about) {
  const long maps = read_file(text_of("/proc/self/maps"), 1 << 20);
  for (long line = maps; B(line) != 0; line = after(line, '\n')) {
    if (!contains(line, after(line, '\n'), name) || which-- > 0) continue;
    about[0] = hexadecimal(after(line, '-'));
    about[1] = B(after(line, ' ') + 1);
    return hexadecimal(line);
  }
  return 0;
}
