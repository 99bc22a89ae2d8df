#include <algorithm>
#include <cstdio>
#include <string_view>

#include "tools/sluice/commands.h"
#include "tools/sluice/exit_codes.h"

namespace sluice::cli {
namespace {

constexpr const char* footer = R"(Examples:
  sluice run -- clinfo                               a program in your default slice
  sluice run --gpu 250m --memory 2GiB -- clpeak      a quarter of a device and 2 GiB
  sluice sessions                                    who uses what
  sluice session move 17 --to 1                      to another device, while it runs
  sluice tenant create alice --memory 2GiB --uid alice
                                                     who may use how much
  sluice doctor                                      what this machine lacks to jail workers
  sluice run --help                                  more about a command

Exit codes: 0 ok, 1 the daemon refused, or 'sluice doctor' found something missing, 64 wrong usage, 69 no daemon answers, 70 the installation is not whole, 76 the
daemon's answer makes no sense, 77 not permitted; 'sluice run' ends with its program's own.
Manuals: sluice(1), sluiced(8), sluiced.toml(5).)";

std::string usage_failure(const CLI::App*, const CLI::Error& error) {
  return std::string("sluice: ") + error.what() + "\nTry --help, which has examples.\n";
}

}  // namespace

int complain(int exit_code, const std::string& message) {
  std::fprintf(stderr, "sluice: %s\n", message.c_str());
  return exit_code;
}

int run_command_line(int argc, char** argv) {
  CLI::App app{"sluice: runs programs on slices of this machine's accelerators, and shows how they are used.",
               "sluice"};
  int exit_code = exit_ok;
  app.footer(footer);
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.failure_message(usage_failure);
  app.require_subcommand(1);
  // The parser is not to look at what stands behind "--".
  char** const end = argv + argc;
  char** const dashes = std::find_if(argv, end, [](const char* word) { return std::string_view(word) == "--"; });
  add_run(app, std::vector<std::string>(std::min(dashes + 1, end), end), exit_code);
  add_status(app, exit_code);
  add_devices(app, exit_code);
  add_sessions(app, exit_code);
  add_session(app, exit_code);
  add_tenant(app, exit_code);
  add_apply(app, exit_code);
  add_doctor(app, exit_code);
  try {
    app.parse(static_cast<int>(dashes - argv), argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return exit_code;
}

}  // namespace sluice::cli
