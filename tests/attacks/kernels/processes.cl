// Attacks on processes: others', and the kernel's own that are to outlive it.

// words: pid, signal. An asynchronous descriptor whose owner the other process is.
kernel void signal_by_owner(global char* words, global long* out) {
  const long pair = memory(4096);
  out[0] = sys2(SYS_pipe2, pair, 04000);  // O_NONBLOCK
  const long reader = W(pair), writer = W(pair + 4);
  out[1] = sys3(SYS_fcntl, reader, 8, number(words, 0));   // F_SETOWN
  out[2] = sys3(SYS_fcntl, reader, 10, number(words, 1));  // F_SETSIG
  out[3] = sys3(SYS_fcntl, reader, 4, 024000);             // F_SETFL, O_ASYNC | O_NONBLOCK
  out[4] = sys3(SYS_write, writer, pair, 1);
  W(pair + 16) = 1;  // F_OWNER_PID
  W(pair + 20) = (uint)number(words, 0);
  out[5] = sys3(SYS_fcntl, reader, 15, pair + 16);  // F_SETOWN_EX
  out[6] = sys3(SYS_write, writer, pair, 1);
}

// words: pid, signal.
kernel void signal_directly(global char* words, global long* out) {
  const long pid = number(words, 0), signal = number(words, 1), info = memory(4096);
  out[0] = sys2(SYS_kill, pid, signal);
  out[1] = sys2(SYS_tkill, pid, signal);
  out[2] = sys3(SYS_tgkill, pid, pid, signal);
  W(info) = (uint)signal;
  W(info + 8) = (uint)-1;  // SI_QUEUE
  out[3] = sys3(129, pid, signal, info);  // rt_sigqueueinfo
  const long by_pidfd = sys2(SYS_pidfd_open, pid, 0);
  out[4] = by_pidfd;
  if (by_pidfd >= 0) out[5] = sys4(SYS_pidfd_send_signal, by_pidfd, signal, 0, 0);
}

// words: signal.
kernel void signal_everybody(global char* words, global long* out) { out[0] = sys2(SYS_kill, -1, number(words, 0)); }

// words: pid.
kernel void change_scheduling(global char* words, global long* out) {
  const long pid = number(words, 0);
  long mask = 1, parameter = 0;
  out[0] = sys3(SYS_sched_setaffinity, pid, 8, (long)&mask);
  out[1] = sys3(SYS_setpriority, 0, pid, 19);
  out[2] = sys3(SYS_sched_setscheduler, pid, 3, (long)&parameter);  // SCHED_BATCH
  out[3] = sys3(SYS_ioprio_set, 1, pid, 3 << 13);                    // IOPRIO_CLASS_IDLE
}

// words: pid.
kernel void change_limits(global char* words, global long* out) {
  long limit[2] = {16, 16};
  out[0] = sys4(SYS_prlimit64, number(words, 0), 7, (long)limit, 0);
}

// words: pid.
kernel void trace(global char* words, global long* out) {
  out[0] = sys4(SYS_ptrace, 0x4206, number(words, 0), 0, 0);  // PTRACE_SEIZE
  out[63] = 1;
  sleep_ms(3000);
}

// words: pid, address. Eight times 'X', as a message to the other's memory and as a write to its file of memory.
kernel void write_memory(global char* words, global long* out) {
  const long pid = number(words, 0), address = number(words, 1), room = memory(4096);
  Q(room) = 0x5858585858585858;
  Q(room + 16) = room, Q(room + 24) = 8;
  Q(room + 32) = address, Q(room + 40) = 8;
  out[0] = sys6(SYS_process_vm_writev, pid, room + 16, 1, room + 32, 1, 0);
}
kernel void write_memory_file(global char* words, global long* out) {
  const long path = text_of("/proc/"), room = memory(4096);
  append(path, word(words, 0));
  append_constant(path, "/mem");
  Q(room) = 0x5858585858585858;
  const long file = sys3(SYS_open, path, 2, 0);
  out[0] = file;
  if (file >= 0) out[1] = sys4(18, file, room, 8, number(words, 1));  // pwrite64
}

// words: pid, descriptor.
kernel void steal_descriptor(global char* words, global long* out) {
  out[0] = sys2(SYS_pidfd_open, number(words, 0), 0);
  out[1] = sys3(SYS_pidfd_getfd, out[0], number(words, 1), 0);
  out[63] = 1;
  sleep_ms(3000);
}

// words: flags of clone, 1 if it computes. A child that means to stay for ever.
kernel void child_that_stays(global char* words, global long* out) {
  const long child = sys5(SYS_clone, number(words, 0), 0, 0, 0, 0);
  if (child != 0) {
    out[0] = child;
    return;
  }
  sys0(SYS_setsid);
  if (number(words, 1) != 0) compute_until(now_ns() + 600000000000);
  rest();
}

// words: how many, for how many ms they live.
kernel void many_children(global char* words, global long* out) {
  for (long i = 0; i < number(words, 0); ++i) {
    const long child = fork();
    if (child == 0) {
      sleep_ms(number(words, 1));
      leave();
    }
    if (child < 0) out[1] = child;
    else ++out[0];
  }
  out[63] = 1;
  sleep_ms(number(words, 1));
}

// A child in a user namespace of its own, which stays for three seconds; by clone, by clone3 and by unshare.
kernel void user_namespace(global char* words, global long* out) {
  const long arguments = memory(4096);
  Q(arguments) = 0x10000000, Q(arguments + 32) = 17;  // CLONE_NEWUSER, and SIGCHLD at the end
  const long by_clone = sys5(SYS_clone, 0x10000011, 0, 0, 0, 0);
  if (by_clone == 0) sleep_ms(3000), leave();
  const long by_clone3 = sys2(SYS_clone3, arguments, 64);
  if (by_clone3 == 0) sleep_ms(3000), leave();
  const long child = fork();
  if (child == 0) {
    out[2] = sys1(SYS_unshare, 0x10000000);
    sleep_ms(3000);
    leave();
  }
  out[0] = by_clone, out[1] = by_clone3;
  out[63] = 1;
  sleep_ms(3000);
}

// A child with mounts of its own: a tmpfs over /usr.
kernel void own_mounts(global char* words, global long* out) {
  const long child = fork();
  if (child == 0) {
    out[0] = sys1(SYS_unshare, 0x10020000);  // CLONE_NEWUSER | CLONE_NEWNS
    if (out[0] != 0) out[0] = sys1(SYS_unshare, 0x00020000);
    out[1] = sys5(SYS_mount, text_of("attack"), text_of("/usr"), text_of("tmpfs"), 0, 0);
    out[63] = 1;
    sleep_ms(3000);
    leave();
  }
  sleep_ms(3000);
}

// words: path, and an argument. A child runs the program.
kernel void run_program(global char* words, global long* out) {
  const long arguments = memory(4096);
  Q(arguments) = word(words, 0), Q(arguments + 8) = word(words, 1);
  const long child = fork();
  if (child == 0) {
    out[0] = sys3(SYS_execve, word(words, 0), arguments, arguments + 64);
    leave();
  }
  out[63] = 1;
  sleep_ms(2000);
}

// words: path, and an argument. The same by a copy in memory that has no place in the file system.
kernel void run_from_memory(global char* words, global long* out) {
  const long arguments = memory(4096), piece = memory(1 << 20);
  Q(arguments) = word(words, 0), Q(arguments + 8) = word(words, 1);
  const long file = sys3(SYS_open, word(words, 0), 0, 0);
  const long copied = sys2(SYS_memfd_create, text_of("attack"), 0);
  out[0] = file, out[1] = copied;
  out[63] = file < 0 || copied < 0;
  if (file < 0 || copied < 0) return;
  for (long count; (count = sys3(SYS_read, file, piece, 1 << 20)) > 0;) sys3(SYS_write, copied, piece, count);
  const long child = fork();
  if (child == 0) {
    out[2] = sys5(SYS_execveat, copied, text_of(""), arguments, arguments + 64, 0x1000);  // AT_EMPTY_PATH
    const long path = text_of("/proc/self/fd/");
    append_number(path, copied);
    out[3] = sys3(SYS_execve, path, arguments, arguments + 64);
    leave();
  }
  out[63] = 1;
  sleep_ms(2000);
}
