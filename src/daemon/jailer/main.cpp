// sluice-jailer: becomes a worker in a jail. Started by sluiced in fresh namespaces; it builds the worker's root
// folder, gives up all privileges, and executes the worker, which so begins with nothing that it could give up too
// late.
//
// One thread, and no library but the C library's: nothing here runs beside it.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "daemon/backends/driver_environment.h"
#include "daemon/jailer/options.h"
#include "daemon/jailer/privileges.h"
#include "daemon/jailer/root_folder.h"

extern char** environ;

namespace sluice::jailer {
namespace {

constexpr int exit_usage = 64;
constexpr int exit_no_jail = 71;

constexpr const char* usage =
    "usage: sluice-jailer [--without FENCES] [--uid N] [--gid N] [--read PATH]... [--write PATH]... "
    "[--preload LIBRARY] -- WORKER [ARGUMENT...]\n"
    "Started by sluiced; not meant to be run by hand.\n";

bool parse_number(const char* text, unsigned& number) {
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

bool parse_option(const std::string& name, const char* value, Options& options) {
  if (name == "--uid") return parse_number(value, options.uid);
  if (name == "--gid") return parse_number(value, options.gid);
  if (name == "--read") return options.readable.emplace_back(value), true;
  if (name == "--write") return options.writable.emplace_back(value), true;
  if (name == "--preload") return options.preload = value, options.readable.emplace_back(value), true;
  if (name != "--without") return false;
  const auto fences = FenceSet::parse(value);
  if (fences) options.without = *fences;
  return fences.has_value();
}

bool parse(int argc, char** argv, Options& options) {
  int at = 1;
  for (; at + 1 < argc && std::strcmp(argv[at], "--") != 0; at += 2)
    if (!parse_option(argv[at], argv[at + 1], options)) return false;
  if (at >= argc || std::strcmp(argv[at], "--") != 0 || at + 1 >= argc) return false;
  options.program = argv[at + 1];
  options.arguments.assign(argv + at + 1, argv + argc);
  return options.program.starts_with('/');
}

// What a worker has in /tmp of its root, where it has no root of its own. Nobody removes it but the system.
Status make_shared_home(const Options& options) {
  std::string home = "/tmp/sluice-worker-XXXXXX";
  if (mkdtemp(home.data()) == nullptr) return errno_status("make a folder for the worker", errno);
  const std::string kernels = home + "/kernels", cache = home + "/cache";
  if (mkdir(kernels.c_str(), 0700) != 0 || symlink("kernels", cache.c_str()) != 0)
    return errno_status("make a folder for compiled code", errno);
  if (options.without.has(Fence::user_namespace) && geteuid() == 0)
    for (const std::string& path : {home, kernels})
      if (chown(path.c_str(), options.uid, options.gid) != 0) return errno_status("give " + path + " away", errno);
  setenv("HOME", home.c_str(), 1);
  setenv("TMPDIR", home.c_str(), 1);
  for (const auto& [name, folder] : backend::cache_environment(cache)) setenv(name.c_str(), folder.c_str(), 1);
  return Status();
}

Status enter_shared_root(const Options& options) {
  SLUICE_TRY(become_namespace_owner(options));
  SLUICE_TRY(make_shared_home(options));
  forbid_user_namespaces(options);
  return drop_privileges(options);
}

Status enter_jail(const Options& options) {
  if (options.without.has(Fence::mount_namespace)) return enter_shared_root(options);
  auto root = SLUICE_TRY(RootFolder::open(options));
  SLUICE_TRY(become_namespace_owner(options));
  SLUICE_TRY(root.enter());
  forbid_user_namespaces(options);
  SLUICE_TRY(RootFolder::protect_settings());
  return drop_privileges(options);
}

int run(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(usage, stderr);
    return exit_usage;
  }
  if (Status entered = enter_jail(options); !entered.ok()) {
    std::fprintf(stderr, "no jail for the worker: %s\n", entered.message().c_str());
    return exit_no_jail;
  }
  std::vector<char*> words;
  for (std::string& word : options.arguments) words.push_back(word.data());
  words.push_back(nullptr);
  if (!options.preload.empty()) setenv("LD_PRELOAD", options.preload.c_str(), 1);
  execve(options.program.c_str(), words.data(), environ);
  std::fprintf(stderr, "cannot execute %s in the jail: %s\n", options.program.c_str(), std::strerror(errno));
  return exit_no_jail;
}

}  // namespace
}  // namespace sluice::jailer

int main(int argc, char** argv) { return sluice::jailer::run(argc, argv); }
