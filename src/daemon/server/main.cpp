// sluiced: reads its command line and configuration, then serves until it is told to stop.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "daemon/server/server.h"

namespace {

using namespace sluice;

// sysexits.h, and documented in sluiced(8).
constexpr int exit_usage = 64;
constexpr int exit_unavailable = 69;
constexpr int exit_no_permission = 77;
constexpr int exit_config = 78;

constexpr rlim_t descriptors_wanted = 65536;

struct CommandLine {
  std::string config_path, runtime_dir, log_level;
  bool user_pool = false, check_config = false;
};

constexpr const char* footer = R"(Examples:
  sluiced                                   serve every device to all users (as root)
  sluiced --user                            serve only yourself, without root
  sluiced --user --runtime-dir /tmp/pool    everything in one folder, to try things out
  sluiced --check-config --config new.toml  read a configuration, say what is wrong, and stop

It stays in the foreground and writes its log to stderr. SIGTERM or ^C stops it and ends all sessions.
SIGUSR1 ends it and leaves all sessions to the next sluiced.
Exit codes: 0 stopped cleanly, 1 failed, 64 wrong usage, 69 another sluiced has this pool, 77 not permitted,
78 wrong configuration.
Configuration: sluiced.toml(5). Once it runs: sluice status, sluice run -- PROGRAM.)";

int complain(int exit_code, const std::string& message) {
  std::fprintf(stderr, "sluiced: %s\n", message.c_str());
  return exit_code;
}

void describe_options(CLI::App& app, CommandLine& line) {
  app.footer(footer);
  app.set_version_flag("--version", "sluiced " SLUICE_VERSION);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.add_option("--config", line.config_path, "Read this TOML file instead of the default one")->type_name("FILE");
  app.add_flag("--user", line.user_pool, "Serve only this user, from folders of their own; needs no root");
  app.add_option("--runtime-dir", line.runtime_dir, "Put sockets here, and state/ and cache/ below it")
      ->type_name("DIR");
  app.add_option("--log-level", line.log_level, "debug, info, warn or error; overrides the configuration")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app.add_flag("--check-config", line.check_config, "Read the configuration, report what is wrong with it, and exit");
}

// A file that was named must be there; the default one may be missing.
Result<server::Config> read_config(const CommandLine& line) {
  const bool named = !line.config_path.empty();
  auto config = server::load_config(named ? line.config_path : default_config_path(line.user_pool));
  if (!config.ok() && !named && config.status().code() == Code::not_found) config = server::Config{};
  if (config.ok() && !line.log_level.empty()) config.value().log_level = line.log_level;
  return config;
}

// The command line decides before the file, the file before the default.
Result<PoolFolders> choose_folders(const CommandLine& line, const server::Config& config) {
  PoolFolders folders = default_pool_folders(line.user_pool);
  if (!line.runtime_dir.empty()) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(line.runtime_dir, error);
    if (error) return Status(Code::invalid_argument, "cannot make sense of " + line.runtime_dir);
    folders = pool_folders_below(absolute.lexically_normal());
  } else if (!config.runtime_dir.empty()) {
    folders.runtime = config.runtime_dir;
  }
  if (!config.state_dir.empty()) folders.state = config.state_dir;
  if (!config.cache_dir.empty()) folders.cache = config.cache_dir;
  return folders;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= descriptors_wanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, descriptors_wanted);
  (void)setrlimit(RLIMIT_NOFILE, &limit);  // fewer sessions fit without it; the log says so when it matters
}

int serve(const CommandLine& line, server::Config config) {
  auto folders = choose_folders(line, config);
  if (!folders.ok()) return complain(exit_usage, folders.status().message());
  auto worker = worker_program();
  if (!worker.ok()) return complain(EXIT_FAILURE, worker.status().message());
  auto jailer = jailer_program();
  if (!jailer.ok()) return complain(EXIT_FAILURE, jailer.status().message());
  raise_descriptor_limit();
  server::block_stop_signals();
  auto server =
      server::Server::create({std::move(config), folders.take(), line.user_pool, worker.take(), jailer.take()});
  if (!server.ok()) {
    const Code code = server.status().code();
    return complain(code == Code::unavailable         ? exit_unavailable
                    : code == Code::permission_denied ? exit_no_permission
                                                      : EXIT_FAILURE,
                    server.status().message());
  }
  if (Status ready = server.value()->stop_on_signals(); !ready.ok()) return complain(EXIT_FAILURE, ready.message());
  return server.value()->run();
}

int run(const CommandLine& line) {
  auto config = read_config(line);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", config.status().message().c_str());
    return exit_config;
  }
  if (line.check_config) {
    std::puts("configuration ok");
    return EXIT_SUCCESS;
  }
  if (!line.user_pool && geteuid() != 0)
    return complain(exit_no_permission, "a pool for all users needs root; run 'sluiced --user' for one of your own");
  if (Status logging = log::configure(config.value().log_level, "sluiced"); !logging.ok())
    return complain(exit_usage, logging.message());
  return serve(line, config.take());
}

}  // namespace

// What nobody catches ends the process, loudly; the next daemon finds the sessions.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  CLI::App app{"sluiced: shares this machine's accelerators between programs, a slice each.", "sluiced"};
  CommandLine line;
  describe_options(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? EXIT_SUCCESS : exit_usage;
  }
  return run(line);
}
