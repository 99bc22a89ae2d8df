// sluice sessions: who uses the pool, and how much of it.
#include "base/units.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/query.h"
#include "tools/sluice/sessions_why.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

json request;

constexpr const char* footer = R"(What it shows:
  GPU          the share of the device that is the tenant's, in thousandths; '-': none is promised
  MEMORY       device memory that the session holds now, and the limit that it shares with its tenant's others
  PEAK         the most that the session has held
  DEVICE TIME  how long the device has worked for it, as its worker reports it by the device's own clock
  CHARGED      device time that it pays for: --why says why that is more, where it is
  BUILD        processor time of its worker that was no device time (compiling, driver), by the device's units
  LAUNCHES     kernels that were run
  IN, OUT      bytes moved to and from the device

With --why:
  CLASS, CAP   the tenant's priority class, and the most of the device that it may use
  USED         device time that was charged to the session
  BUILD        as above
  LEASES, HELD how often it was given the device, and for how long in all
  WAITED       how long it had something to run and was not given the device
  OF IT CAPPED the part of that for which its tenant's cap is to blame; the rest it waited for its turn

Examples:
  sluice sessions               live sessions
  sluice sessions --why         who waits for the device, and why
  sluice sessions --ended       the last hundred that ended, the latest first, and why
  watch -n1 sluice sessions
  sluice sessions --json | jq '[.sessions[].usage.charged_ns] | add')";

std::uint64_t number(const json& object, const char* key) { return object.at(key).get<std::uint64_t>(); }

std::vector<std::string> who_cells(const json& session) {
  return {std::to_string(number(session, "id")),     session.at("tenant").get<std::string>(),
          session.at("program").get<std::string>(),  std::to_string(number(session, "pid")),
          std::to_string(number(session, "device")), share_cell(number(session, "gpu_milli"))};
}

std::vector<std::string> usage_cells(const json& usage) {
  return {format_bytes(number(usage, "memory_peak_bytes")), format_duration(number(usage, "measured_ns")),
          format_duration(number(usage, "charged_ns")),     format_duration(number(usage, "build_ns")),
          std::to_string(number(usage, "launches")),        format_bytes(number(usage, "bytes_in")),
          format_bytes(number(usage, "bytes_out"))};
}

std::string memory_cell(const json& session) {
  return format_bytes(number(session.at("usage"), "memory_bytes")) + " of " +
         format_bytes(number(session, "memory_limit_bytes"));
}

std::uint64_t span_ns(const json& from, const json& to) {
  const auto begin = from.get<std::uint64_t>();
  const auto end = to.get<std::uint64_t>();
  return end > begin ? end - begin : 0;
}

void append(std::vector<std::string>& row, const std::vector<std::string>& cells) {
  row.insert(row.end(), cells.begin(), cells.end());
}

std::string print_live(const json& reply) {
  Table table({{"ID", Align::right},
               {"TENANT"},
               {"PROGRAM"},
               {"PID", Align::right},
               {"DEVICE", Align::right},
               {"GPU", Align::right},
               {"MEMORY", Align::right},
               {"PEAK", Align::right},
               {"DEVICE TIME", Align::right},
               {"CHARGED", Align::right},
               {"BUILD", Align::right},
               {"LAUNCHES", Align::right},
               {"IN", Align::right},
               {"OUT", Align::right},
               {"AGE", Align::right}});
  for (const json& session : reply.at("sessions")) {
    std::vector<std::string> row = who_cells(session);
    row.push_back(memory_cell(session));
    append(row, usage_cells(session.at("usage")));
    row.push_back(age_cell(span_ns(session.at("started_unix_ns"), reply.at("now_unix_ns"))));
    table.add(std::move(row));
  }
  return table.empty() ? "no sessions\n" : table.text();
}

std::string print_ended(const json& reply) {
  Table table({{"ID", Align::right},
               {"TENANT"},
               {"PROGRAM"},
               {"PID", Align::right},
               {"DEVICE", Align::right},
               {"GPU", Align::right},
               {"PEAK", Align::right},
               {"DEVICE TIME", Align::right},
               {"CHARGED", Align::right},
               {"BUILD", Align::right},
               {"LAUNCHES", Align::right},
               {"IN", Align::right},
               {"OUT", Align::right},
               {"LASTED", Align::right},
               {"ENDED", Align::right},
               {"REASON"}});
  for (const json& session : reply.at("sessions")) {
    std::vector<std::string> row = who_cells(session);
    append(row, usage_cells(session.at("usage")));
    row.push_back(format_duration(span_ns(session.at("started_unix_ns"), session.at("ended_unix_ns"))));
    row.push_back(age_cell(span_ns(session.at("ended_unix_ns"), reply.at("now_unix_ns"))) + " ago");
    row.push_back(session.at("reason").get<std::string>());
    table.add(std::move(row));
  }
  return table.empty() ? "no session has ended yet\n" : table.text();
}

std::string print(const json& reply) {
  if (reply.at("ended").get<bool>()) return print_ended(reply);
  return request.contains("why") ? print_why(reply) : print_live(reply);
}

}  // namespace

void add_sessions(CLI::App& app, int& exit_code) {
  CLI::App* command =
      add_query(app, {"sessions", "List sessions: who runs what, and how much it has used", footer, print, "sessions"},
                request, exit_code);
  CLI::Option* ended = command->add_flag_callback(
      "--ended", [] { request["ended"] = true; }, "Show sessions that have ended");
  command
      ->add_flag_callback(
          "--why", [] { request["why"] = true; }, "Show who holds the device, who waits, and what keeps them")
      ->excludes(ended);
}

}  // namespace sluice::cli
