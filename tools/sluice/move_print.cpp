#include "tools/sluice/move_print.h"

#include <algorithm>

#include "base/units.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t bar_cells = 20;

std::uint64_t number(const json& object, const char* key) { return object.at(key).get<std::uint64_t>(); }
std::string digits(const json& object, const char* key) { return std::to_string(number(object, key)); }

// Of numbers that a worker writes.
std::string bar(std::uint64_t sent, std::uint64_t known) {
  const double part = known == 0 ? 0 : std::min(1.0, static_cast<double>(sent) / static_cast<double>(known));
  const auto full = static_cast<std::size_t>(part * bar_cells);
  return "[" + std::string(full, '#') + std::string(bar_cells - full, '.') + "]";
}

std::string list(const json& ids) {
  std::string text;
  for (std::size_t i = 0; i < ids.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(ids[i].get<std::uint64_t>());
  return text;
}

}  // namespace

std::string progress_line(const json& move) {
  const std::string done =
      digits(move, "from") + " -> " + digits(move, "to") + ": " + std::to_string(move.at("moved").size()) + " moved";
  if (!move.contains("current")) return done;
  const json& current = move.at("current");
  const std::uint64_t sent = number(current, "bytes_sent"), known = number(current, "bytes_known");
  return "device " + done + ", session " + digits(current, "session") + " " + current.at("stage").get<std::string>() +
         " " + bar(sent, known) + " " + format_bytes(sent) + " of " + format_bytes(known);
}

std::string print_planned_move(const json& reply) {
  const json& ids = reply.at("sessions");
  const std::string sessions = (ids.size() == 1 ? "session " : "sessions ") + list(ids);
  return "would move to device " + digits(reply, "device") + ": " + sessions + "\n";
}

std::string print_move(const json& move) {
  Table table({{"SESSION", Align::right},
               {"FROM", Align::right},
               {"TO", Align::right},
               {"PAUSE", Align::right},
               {"SENT", Align::right},
               {"IN THE PAUSE", Align::right},
               {"ROUNDS", Align::right},
               {"OBJECTS", Align::right}});
  for (const json& moved : move.at("moved"))
    table.add({digits(moved, "session"), digits(move, "from"), digits(move, "to"),
               format_duration(number(moved, "pause_ns")), format_bytes(number(moved, "bytes")),
               format_bytes(number(moved, "bytes_in_pause")), digits(moved, "rounds"), digits(moved, "objects")});
  return table.empty() ? "" : table.text();
}

std::string move_failure(const json& move) {
  const json& failed = move.at("failed");
  std::string text =
      "session " + digits(failed, "session") + " was not moved: " + failed.at("reason").get<std::string>();
  if (move.at("on_both").get<bool>())
    text += "; tenant " + move.at("tenant").get<std::string>() +
            "'s slice stays booked on both devices for as long as " + "it has sessions on both";
  return text;
}

}  // namespace sluice::cli
