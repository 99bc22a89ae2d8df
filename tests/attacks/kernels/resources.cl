// Attacks on what is counted: memory, time, and the pages in which the daemon keeps terms and counts.

// words: names of shared mappings... Writes a mark to the end of each, which it makes writable in every way there is.
long writable_again(long name, private long* about) {
  const long at = find_mapping(name, 0, about);
  if (at == 0) return 0;
  if (about[1] == 'w' || sys3(SYS_mprotect, at, about[0] - at, 3) == 0) return at;
  const long path = memory(4096);
  for (long fd = 0; fd < 1024; ++fd) {
    B(path) = 0;
    append_constant(path, "/proc/self/fd/");
    append_number(path, fd);
    const long target = memory(4096);
    if (sys3(SYS_readlink, path, target, 4095) <= 0 || !contains(target, target + length(target), name)) continue;
    long again = sys6(SYS_mmap, 0, about[0] - at, 3, 1, fd, 0);
    if (again < 0 && again > -4096) again = sys6(SYS_mmap, 0, about[0] - at, 3, 1, sys3(SYS_open, path, 2, 0), 0);
    if (again > 0) return again;
  }
  return 0;
}
kernel void write_pages(global char* words, global long* out) {
  for (int i = 0; B(word(words, i)) != 0; ++i) {
    long about[2] = {0, 0};
    const long at = writable_again(word(words, i), about);
    out[i] = at;
    if (at != 0) Q(at + about[0] - find_mapping(word(words, i), 0, about) - 8) = 0x5858585858585858;
  }
  out[63] = 1;
  sleep_ms(1000);
}

// words: name of a mapping. Touches every page of it.
kernel void touch_mapping(global char* words, global long* out) {
  long about[2] = {0, 0};
  const long at = find_mapping(word(words, 0), 0, about);
  for (long page = at; at != 0 && page < about[0]; page += 4096) {
    if (page >= (long)out && page < (long)out + 65536 * 2) continue;
    B(page) = B(page), ++out[0];
  }
  out[63] = 1;
  sleep_ms(2000);
}

// words: MiB. Takes memory that no call of the API allocates.
kernel void take_memory(global char* words, global long* out) {
  for (long i = 0; i < number(words, 0); ++i) {
    const long piece = memory(1 << 20);
    if (piece <= 0 && piece > -4096) break;
    for (long page = 0; page < 1 << 20; page += 4096) B(piece + page) = 1;
    ++out[0];
  }
  out[63] = 1;
  sleep_ms(2000);
}

// words: ms, how many threads' worth beside its own. Computes under its lease.
kernel void compute(global char* words, global long* out) {
  out[1] = 1;
  for (long i = 0; i < number(words, 1); ++i)
    if (fork() == 0) compute_until(now_ns() + number(words, 0) * 1000000), leave();
  out[0] = compute_until(now_ns() + number(words, 0) * 1000000);
}

// words: ms, how many children. They compute while the kernel has ended, and no lease is held.
kernel void compute_without_lease(global char* words, global long* out) {
  for (long i = 0; i < number(words, 1); ++i)
    if (fork() == 0) compute_until(now_ns() + number(words, 0) * 1000000), leave();
    else ++out[0];
}

// words: ms. Writes to every eventfd for so long.
kernel void kick(global char* words, global long* out) {
  const long path = memory(4096), target = memory(4096), one = memory(4096), end = now_ns() + number(words, 0) * 1000000;
  long fds[64], count = 0;
  Q(one) = 1;
  for (long fd = 0; fd < 1024 && count < 64; ++fd) {
    B(path) = 0;
    append_constant(path, "/proc/self/fd/");
    append_number(path, fd);
    for (int i = 0; i < 64; i += 8) Q(target + i) = 0;
    if (sys3(SYS_readlink, path, target, 4095) > 0 && starts_with(target, text_of("anon_inode:[eventfd]")))
      fds[count++] = fd;
  }
  out[0] = count;
  while (now_ns() < end)
    for (long i = 0; i < count; ++i) sys3(SYS_write, fds[i], one, 8), ++out[1];
}
