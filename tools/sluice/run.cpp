// sluice run: checks that the program can be brought into the pool, and becomes it.
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/install_paths.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/exit_codes.h"
#include "tools/sluice/pool_place.h"
#include "tools/sluice/program_check.h"
#include "tools/sluice/run_environment.h"
#include "tools/sluice/tenant_checks.h"
#include "wire/handshake.h"
#include "wire/transport/message_socket.h"

namespace sluice::cli {
namespace {

constexpr const char* footer =
    R"(The program runs as it would without sluice: same standard input and output, same signals, its own
exit code. It finds one OpenCL GPU, whose memory and compute units are those of its tenant's slice.
A tenant's slice is made by its first session and shared by all its sessions; what it asks for is
fixed then. With --gpu or --memory but no --tenant, the program gets a slice of its own.

Examples:
  sluice run -- clinfo                               your default slice
  sluice run --memory 2GiB -- hashcat -b -m 0        a slice of its own, with 2 GiB
  sluice run --tenant alice --gpu 250m -- clpeak     a quarter of a device, shared by alice's programs
  sluice run --token-file alice.token -- clpeak      as the tenant that the token is for
  sluice run --user -- ffmpeg -i in.mkv ...          in your own pool

Exit codes: the program's own; before it starts: 64 wrong usage, 69 no daemon, 70 the installation is
not whole, 126 the program cannot run in the pool (it says why), 127 there is no such program.)";

// The library's own usage line does not know that a program follows.
class RunHelp : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: sluice run [OPTIONS] -- PROGRAM [ARGUMENTS...]\n";
  }
};

struct RunOptions {
  PoolPlace place;
  std::string tenant, gpu, memory, token_file;
  std::vector<std::string> command;
};

// A name that no other program has now: alice-4711. The number stays, whatever must be cut.
std::string own_tenant_name() {
  const passwd* user = getpwuid(getuid());
  const std::string number = "-" + std::to_string(getpid());
  std::string name =
      user != nullptr && wire::valid_tenant_name(user->pw_name) ? user->pw_name : "uid-" + std::to_string(getuid());
  name.resize(std::min(name.size(), wire::name_bytes_max - 1 - number.size()));
  return name + number;
}

// The tenant socket of the first daemon that answers. Empty: none does.
std::string find_pool(const std::vector<std::string>& sockets) {
  for (const std::string& path : sockets)
    if (wire::MessageSocket::connect(path).ok()) return path;
  return "";
}

int no_pool(const std::vector<std::string>& sockets) {
  std::string places;
  for (const std::string& path : sockets) places += (places.empty() ? "" : " or ") + path;
  return complain(exit_unavailable,
                  "no daemon answers at " + places + "; start one with 'sluiced' (root) or 'sluiced --user'");
}

void set_environment(const std::map<std::string, std::string>& environment) {
  for (const auto& [name, value] : environment) {
    if (value.empty()) unsetenv(name.c_str());
    else setenv(name.c_str(), value.c_str(), 1);
  }
}

int become(const std::string& path, const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execv(path.c_str(), words.data());
  return complain(exit_not_runnable, "cannot run " + path + ": " + std::strerror(errno));
}

int run(const RunOptions& options) {
  if (const std::string wrong = check_place(options.place); !wrong.empty()) return complain(exit_usage, wrong);
  if (options.command.empty())
    return complain(exit_usage, "which program? sluice run [OPTIONS] -- PROGRAM [ARGUMENTS]");
  if (!options.token_file.empty() && access(options.token_file.c_str(), R_OK) != 0)
    return complain(exit_usage, "cannot read the token file " + options.token_file + ": " + std::strerror(errno));
  const auto program = find_program(options.command.front());
  if (!program.ok())
    return complain(program.status().code() == Code::not_found ? exit_not_found : exit_not_runnable,
                    program.status().message());
  if (Status fit = check_preloadable(program.value()); !fit.ok()) return complain(exit_not_runnable, fit.message());
  const auto shim = shim_folder();
  if (!shim.ok()) return complain(exit_internal, shim.status().message());
  const auto sockets = sockets_to_try(options.place, "tenant.sock", std::getenv("SLUICE_SOCKET"));
  RunSettings settings{shim.value(), find_pool(sockets), options.tenant,
                       options.gpu,  options.memory,     options.token_file};
  if (settings.socket.empty()) return no_pool(sockets);
  char absolute[PATH_MAX];  // the program may change its folder before it asks for a session
  if (realpath(settings.socket.c_str(), absolute) != nullptr) settings.socket = absolute;
  if (realpath(settings.token_file.c_str(), absolute) != nullptr) settings.token_file = absolute;
  const bool own_size = !(options.gpu.empty() && options.memory.empty());
  if (settings.tenant.empty() && settings.token_file.empty() && own_size) settings.tenant = own_tenant_name();
  const auto environment = run_environment(settings, [](const char* name) -> const char* { return std::getenv(name); });
  if (!environment.ok()) return complain(exit_internal, environment.status().message());
  set_environment(environment.value());
  return become(program.value(), options.command);
}

}  // namespace

void add_run(CLI::App& app, const std::vector<std::string>& program, int& exit_code) {
  CLI::App* command = app.add_subcommand("run", "Run an unmodified program in the pool");
  auto options = std::make_shared<RunOptions>();
  command->add_option("--tenant", options->tenant, "Who it runs for: sessions of one tenant share a slice")
      ->type_name("NAME")
      ->check(CLI::Validator(check_tenant_name, ""));
  command->add_option("--gpu", options->gpu, "Share of a device to be guaranteed: 250m, or 0.25, is a quarter")
      ->type_name("SHARE")
      ->check(CLI::Validator(check_some_share, ""));
  command->add_option("--memory", options->memory, "Device memory, a hard limit: 2GiB, 512MiB, or bytes")
      ->type_name("SIZE")
      ->check(CLI::Validator(check_size, ""));
  command->add_option("--token-file", options->token_file, "Holds the token of the tenant that it runs for")
      ->envname("SLUICE_TOKEN_FILE")
      ->type_name("PATH");
  add_place_options(*command, options->place);
  command->formatter(std::make_shared<RunHelp>());
  command->footer(footer);
  command->prefix_command();  // without a "--", what follows the program's name is still the program's
  command->callback([command, options, program, &exit_code] {
    options->command = command->remaining();
    options->command.insert(options->command.end(), program.begin(), program.end());
    exit_code = run(*options);
  });
}

}  // namespace sluice::cli
