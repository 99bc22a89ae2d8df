// Attacks on files: what a kernel reaches by name, by descriptor, or by the older ways into the system.

// words: path, mode. In every way that there is.
kernel void change_mode(global char* words, global long* out) {
  const long path = word(words, 0), mode = number(words, 1);
  out[0] = sys2(SYS_chmod, path, mode);
  out[1] = sys3(SYS_fchmodat, -100, path, mode);
  out[2] = sys4(SYS_fchmodat2, -100, path, mode, 0);
  const long file = sys3(SYS_open, path, 0, 0);
  out[3] = file;
  if (file >= 0) out[4] = sys2(SYS_fchmod, file, mode);
}

// By the 32-bit entry of the kernel, where calls have other numbers (chmod: 15), and by the x32 numbers.
kernel void change_mode_32(global char* words, global long* out) {
  const long low = sys6(SYS_mmap, 0, 4096, 3, 0x62, -1, 0);  // MAP_32BIT
  out[0] = low;
  copy(low, word(words, 0), length(word(words, 0)) + 1);
  out[1] = sys2(SYS_chmod | 0x40000000, low, number(words, 1));
  long result;
  __asm__ volatile("movq %2, %%rbx\n\tint $0x80"
                   : "=a"(result)
                   : "a"(15L), "r"(low), "c"(number(words, 1))
                   : "rbx", "r8", "r9", "r10", "r11", "memory");
  out[2] = result;
}

// words: path, uid.
kernel void change_owner(global char* words, global long* out) {
  out[0] = sys3(SYS_chown, word(words, 0), number(words, 1), number(words, 1));
  out[1] = sys5(SYS_fchownat, -100, word(words, 0), number(words, 1), number(words, 1), 0);
}

// words: path. Its times become 1970's, and it gets an extended attribute.
kernel void change_attributes(global char* words, global long* out) {
  long times[4] = {1, 0, 1, 0};
  out[0] = sys2(SYS_utimes, word(words, 0), (long)times);
  out[1] = sys5(SYS_setxattr, word(words, 0), text_of("user.sluice"), word(words, 0), 1, 0);
}

bool show_file(long directory, long path, global long* out) {
  const long file = sys4(SYS_openat, directory, path, 0, 0);
  if (file < 0) return false;
  const long at = memory(4096);
  const long count = sys3(SYS_read, file, at, 64);
  sys1(SYS_close, file);
  for (int i = 0; count > 0 && i < 8; ++i) out[8 + i] = Q(at + 8 * i);
  return count > 0;
}

// words: path. Its first 64 bytes, by its name, by what /proc offers, or upwards from any descriptor.
kernel void read_by_any_way(global char* words, global long* out) {
  const long path = word(words, 0);
  if (show_file(-100, path, out)) out[0] = 1;
  const long by_proc = text_of("/proc/1/root"), by_self = text_of("/proc/self/root"), by_parent = text_of("/proc/");
  append(by_proc, path);
  append(by_self, path);
  append_number(by_parent, sys0(110));  // getppid
  append_constant(by_parent, "/root");
  append(by_parent, path);
  if (out[0] == 0 && (show_file(-100, by_proc, out) || show_file(-100, by_self, out) || show_file(-100, by_parent, out)))
    out[0] = 2;
  const long upwards = text_of("../../../../../../../../../../../..");
  append(upwards, path);
  for (long fd = 0; out[0] == 0 && fd < 1024; ++fd)
    if (show_file(fd, upwards, out)) out[0] = 3;
  if (out[0] == 0 && show_file(-100, upwards, out)) out[0] = 4;
}

// words: path, content. Makes the file, or puts the content at the end of it.
kernel void write_by_name(global char* words, global long* out) {
  const long file = sys3(SYS_open, word(words, 0), 02101, 0666);  // O_WRONLY | O_CREAT | O_APPEND
  out[0] = file;
  if (file >= 0) out[1] = sys3(SYS_write, file, word(words, 1), length(word(words, 1)));
}

// words: MiB, folders... Writes junk to each until the amount is written or no more fits.
kernel void fill_folders(global char* words, global long* out) {
  const long piece = memory(1 << 20);
  for (long i = 0; i < 1 << 20; i += 8) Q(piece + i) = i * 0x9E3779B97F4A7C15 + 1;
  for (int folder = 1; B(word(words, folder)) != 0; ++folder) {
    const long path = memory(4096);
    append(path, word(words, folder));
    append_constant(path, "/junk");
    const long file = sys3(SYS_open, path, 01101, 0666);  // O_WRONLY | O_CREAT | O_TRUNC
    out[folder] = file;
    for (long i = 0; file >= 0 && i < number(words, 0); ++i)
      if (sys3(SYS_write, file, piece, 1 << 20) == 1 << 20) ++out[0];
  }
}

// words: path of a folder, a file elsewhere. Plants a FIFO, a symbolic link to the file and to its folder, a thousand
// folders in each other, a thousand empty files, and folders that nobody may enter.
kernel void plant_tree(global char* words, global long* out) {
  const long folder = memory(4096), name = memory(4096);
  append(folder, word(words, 0));
  append_constant(folder, "/tree");
  out[0] = sys2(SYS_mkdir, folder, 0777);
  const long here = sys3(SYS_open, folder, 0200000, 0);  // O_DIRECTORY
  out[1] = here;
  if (here < 0) return;
  out[2] = sys4(259, here, text_of("fifo"), 010666, 0);  // mknodat
  out[3] = sys3(266, word(words, 1), here, text_of("link"));  // symlinkat
  const long elsewhere = memory(4096);
  append(elsewhere, word(words, 1));
  long slash = elsewhere;
  for (long at = elsewhere; B(at) != 0; ++at)
    if (B(at) == '/') slash = at;
  B(slash) = 0;
  out[4] = sys3(266, elsewhere, here, text_of("folder-link"));
  for (int i = 0; i < 1000; ++i) {
    B(name) = 0;
    append_constant(name, "file-");
    append_number(name, i);
    const long file = sys4(SYS_openat, here, name, 0101, 0666);
    if (file >= 0) sys1(SYS_close, file), ++out[5];
  }
  long at = here;
  for (int i = 0; i < 1000; ++i) {
    if (sys3(258, at, text_of("d"), 0777) != 0) break;  // mkdirat
    const long next = sys4(SYS_openat, at, text_of("d"), 0200000, 0);
    if (next < 0) break;
    sys1(SYS_close, at);
    at = next;
    ++out[6];
  }
  sys3(258, at, text_of("closed"), 0);
}

// words: path, type and mode, device number.
kernel void make_node(global char* words, global long* out) {
  out[0] = sys3(SYS_mknod, word(words, 0), number(words, 1), number(words, 2));
}

// words: path, flags. Opens it, and keeps it open for three seconds.
kernel void keep_open(global char* words, global long* out) {
  out[0] = sys3(SYS_open, word(words, 0), number(words, 1), 0);
  out[63] = 1;
  sleep_ms(3000);
}
