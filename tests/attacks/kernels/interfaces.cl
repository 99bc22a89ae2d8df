// Attacks through interfaces of the operating system that no driver needs. Each leaves what it got open for a while.

kernel void io_uring(global char* words, global long* out) {
  out[0] = sys2(SYS_io_uring_setup, 8, memory(4096));
  out[63] = 1;
  sleep_ms(2000);
}
kernel void userfaultfd(global char* words, global long* out) {
  out[0] = sys1(SYS_userfaultfd, 1);  // UFFD_USER_MODE_ONLY
  out[63] = 1;
  sleep_ms(2000);
}
kernel void perf_event(global char* words, global long* out) {
  const long attributes = memory(4096);
  W(attributes) = 1, W(attributes + 4) = 112;  // PERF_TYPE_SOFTWARE
  Q(attributes + 8) = 1;                       // PERF_COUNT_SW_TASK_CLOCK
  Q(attributes + 40) = 0x60;                   // exclude_kernel, exclude_hv
  out[0] = sys5(SYS_perf_event_open, attributes, 0, -1, -1, 0);
  out[63] = 1;
  sleep_ms(2000);
}
kernel void bpf(global char* words, global long* out) {
  const long attributes = memory(4096);
  W(attributes) = 2, W(attributes + 4) = 4, W(attributes + 8) = 8, W(attributes + 12) = 1;  // an array of one
  out[0] = sys3(SYS_bpf, 0, attributes, 72);  // BPF_MAP_CREATE
  out[63] = 1;
  sleep_ms(2000);
}
// words: description.
kernel void add_key(global char* words, global long* out) {
  out[0] = sys5(SYS_add_key, text_of("user"), word(words, 0), word(words, 0), 4, -4);  // KEY_SPEC_USER_KEYRING
  out[63] = 1;
}
// words: how many.
kernel void many_timers(global char* words, global long* out) {
  const long event = memory(4096), id = memory(4096);
  W(event + 12) = 1;  // SIGEV_NONE
  for (long i = 0; i < number(words, 0); ++i)
    if (sys3(SYS_timer_create, 1, event, id) == 0) ++out[0];
  out[63] = 1;
  sleep_ms(2000);
}
// All that the user may have.
kernel void many_inotifies(global char* words, global long* out) {
  while (sys1(SYS_inotify_init1, 0) >= 0) ++out[0];
  out[63] = 1;
  sleep_ms(2000);
}
// words: name. Connects to a socket in no file system.
kernel void abstract_socket(global char* words, global long* out) {
  const long address = memory(4096);
  W(address) = 1;  // AF_UNIX, and the zero that abstract names begin with
  copy(address + 3, word(words, 0), length(word(words, 0)));
  const long made = sys3(SYS_socket, 1, 1, 0);
  out[0] = made;
  out[1] = sys3(SYS_connect, made, address, 3 + length(word(words, 0)));
  sleep_ms(500);
}
long connected_to_port(long port) {
  const long address = memory(4096), made = sys3(SYS_socket, 2, 1, 0);
  B(address) = 2, B(address + 2) = (uchar)(port >> 8), B(address + 3) = (uchar)port;
  B(address + 4) = 127, B(address + 7) = 1;
  return sys3(SYS_connect, made, address, 16) == 0 ? made : -1;
}
// words: port of this machine.
kernel void network_socket(global char* words, global long* out) {
  out[0] = connected_to_port(number(words, 0));
  sleep_ms(500);
}
long connected_to_path(long path, long type) {
  const long address = memory(4096), made = sys3(SYS_socket, 1, type, 0);
  W(address) = 1;
  copy(address + 2, path, length(path) + 1);
  const long result = sys3(SYS_connect, made, address, 3 + length(path));
  return result == 0 ? made : result;
}
// words: path of a stream socket, what to say. Shows the answer's first bytes.
kernel void say_to_socket(global char* words, global long* out) {
  const long made = connected_to_path(word(words, 0), 1), answer = memory(4096);
  out[0] = made;
  if (made < 0) return;
  out[1] = sys3(SYS_write, made, word(words, 1), length(word(words, 1)));
  out[2] = sys3(SYS_write, made, text_of("\n"), 1);
  out[3] = sys3(SYS_read, made, answer, 4000);
  for (int i = 0; i < 32; ++i) out[8 + i] = Q(answer + 8 * i);
}
// words: path. What a new daemon does to adopt a worker: connects, and keeps the descriptors that come.
kernel void connect_for_adoption(global char* words, global long* out) {
  const long made = connected_to_path(word(words, 0), 5), room = memory(65536);
  out[0] = made;
  out[63] = made < 0;
  if (made < 0) return;
  Q(room) = 0;
  Q(room + 16) = room + 64, Q(room + 24) = 1;         // one piece, below
  Q(room + 32) = room + 4096, Q(room + 40) = 1024;    // control
  Q(room + 64) = room + 16384, Q(room + 72) = 32768;  // the piece
  out[1] = sys3(SYS_recvmsg, made, room, 0);
  out[63] = 1;
  sleep_ms(2000);
}
// words: key. Writes into a System V segment.
kernel void shared_segment(global char* words, global long* out) {
  out[0] = sys3(SYS_shmget, number(words, 0), 0, 0);
  out[1] = sys3(SYS_shmat, out[0], 0, 0);
  if (out[0] >= 0 && (out[1] > 0 || out[1] < -4096)) Q(out[1]) = 0x5858585858585858;
}
// Segments that nobody removes.
kernel void segments_that_stay(global char* words, global long* out) {
  for (int i = 0; i < 8; ++i) {
    const long made = sys3(SYS_shmget, 0, 1 << 20, 01600);
    if (made >= 0) sys3(SYS_shmat, made, 0, 0), ++out[0];
  }
}
