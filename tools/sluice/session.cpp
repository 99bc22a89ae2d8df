// sluice session: what can be done with one session.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "tools/sluice/admin_client.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/exit_codes.h"
#include "tools/sluice/move_print.h"
#include "tools/sluice/pool_place.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* move_footer =
    R"(The program keeps running, and does not notice but by a pause. A slice moves as a whole: after the named
session the others of its tenant on that device follow. Until the last has moved the slice is booked on both
devices. What cannot move is refused with the reason, which 'sluice sessions --why' shows, too.

Examples:
  sluice session move 17 --to 1 --dry-run   would it be begun, and what would move?
  sluice session move 17 --to 1)";

// From one look to the next: most moves are done in some milliseconds.
constexpr useconds_t look_us_min = 5'000, look_us_max = 100'000;

struct MoveOptions {
  PoolPlace place;
  std::uint64_t session = 0;
  std::uint32_t device = 0;
  bool dry_run = false, as_json = false;
};

void show_progress(const json& move, bool end) {
  if (isatty(STDERR_FILENO) == 0) return;
  const std::string line = end ? "" : progress_line(move);
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
}

// Asks until it is done, which the daemon's own deadlines see to.
int follow(const std::vector<std::string>& sockets, std::uint64_t number, json& move) {
  for (useconds_t wait_us = look_us_min;; wait_us = std::min(2 * wait_us, look_us_max)) {
    if (const int code = ask_or_complain(sockets, {{"verb", "session-move-show"}, {"move", number}}, move);
        code != exit_ok)
      return code;
    const bool done = move.at("done").get<bool>();
    show_progress(move, done);
    if (done) return exit_ok;
    usleep(wait_us);
  }
}

int run_move(const MoveOptions& options) {
  if (const std::string wrong = check_place(options.place); !wrong.empty()) return complain(exit_usage, wrong);
  const auto sockets = sockets_to_try(options.place, "admin.sock", nullptr);
  json reply;
  const json request{
      {"verb", "session-move"}, {"session", options.session}, {"device", options.device}, {"dry_run", options.dry_run}};
  if (const int code = ask_or_complain(sockets, request, reply); code != exit_ok) return code;
  if (!options.dry_run)
    if (const int code = follow(sockets, reply.at("move").get<std::uint64_t>(), reply); code != exit_ok) return code;
  const std::string text = options.as_json   ? reply.dump(2) + "\n"
                           : options.dry_run ? print_planned_move(reply)
                                             : print_move(reply);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!reply.contains("failed")) return exit_ok;
  return complain(exit_refused, move_failure(reply));
}

}  // namespace

void add_session(CLI::App& app, int& exit_code) {
  CLI::App* session = app.add_subcommand("session", "Move a running session to another device");
  session->require_subcommand(1);
  session->footer(move_footer);
  CLI::App* move = session->add_subcommand("move", "Move a session, and its tenant's others beside it, while they run");
  auto options = std::make_shared<MoveOptions>();
  move->add_option("ID", options->session, "The session, as 'sluice sessions' shows it")->required();
  move->add_option("--to", options->device, "The device, as 'sluice devices' shows it")->required();
  move->add_flag("--dry-run", options->dry_run, "Only say whether it would be begun, and which sessions would move");
  move->add_flag("--json", options->as_json, "Print the daemon's answer as JSON: sizes in bytes, times in ns");
  add_place_options(*move, options->place);
  move->footer(move_footer);
  move->callback([options, &exit_code] { exit_code = run_move(*options); });
}

}  // namespace sluice::cli
