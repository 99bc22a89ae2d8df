#include "tools/sluice/sessions_why.h"

#include "base/units.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

std::uint64_t number(const json& object, const char* key) { return object.at(key).get<std::uint64_t>(); }

std::string duration_cell(const json& object, const char* key) { return format_duration(number(object, key)); }

// "waits for its turn behind session 12 for 3.1 ms"
std::string state_cell(const json& why) {
  const auto state = why.at("state").get<std::string>();
  std::string text = state;
  if (state == "waits for its turn" && number(why, "holder") != 0)
    text += " behind session " + std::to_string(number(why, "holder"));
  text += " for " + duration_cell(why, "for_ns");
  if (number(why, "held_back_for_ns") != 0) text += ", another " + duration_cell(why, "held_back_for_ns");
  if (number(why, "cap_debt_ns") != 0) text += " (owes " + duration_cell(why, "cap_debt_ns") + ")";
  return text;
}

// Where a session is charged more than its worker reports, by a hundredth or more. Empty: it is not.
std::string charge_sentence(const json& session) {
  const json& why = session.at("why");
  const std::uint64_t waited_ns = number(why, "beyond_waited_ns"), floor_ns = number(why, "beyond_floor_ns");
  if ((waited_ns + floor_ns) * 100 < number(why, "charged_ns") || waited_ns + floor_ns == 0) return "";
  std::string text = "session " + std::to_string(number(session, "id")) + " is charged ";
  if (waited_ns != 0)
    text +=
        format_duration(waited_ns) + " beyond what its worker reports, because it held the device while others waited";
  if (waited_ns != 0 && floor_ns != 0) text += ", and ";
  if (floor_ns != 0) text += format_duration(floor_ns) + " because its worker used more processor time than it reports";
  return text + "\n";
}

// Why it is still where it is, after a move that was asked for. Empty: none was refused.
std::string unmoved_sentence(const json& session) {
  const auto why = session.find("unmoved");
  if (why == session.end()) return "";
  return "session " + std::to_string(number(session, "id")) + " was not moved: " + why->get<std::string>() + "\n";
}

}  // namespace

std::string print_why(const json& reply) {
  Table table({{"ID", Align::right},
               {"TENANT"},
               {"PROGRAM"},
               {"CLASS"},
               {"GPU", Align::right},
               {"CAP", Align::right},
               {"USED", Align::right},
               {"BUILD", Align::right},
               {"LEASES", Align::right},
               {"HELD", Align::right},
               {"WAITED", Align::right},
               {"OF IT CAPPED", Align::right},
               {"STATE"}});
  for (const json& session : reply.at("sessions")) {
    const json& terms = session.at("terms");
    const json& why = session.at("why");
    table.add({std::to_string(number(session, "id")), session.at("tenant").get<std::string>(),
               session.at("program").get<std::string>(), terms.at("class").get<std::string>(),
               share_cell(number(terms, "guarantee_milli")), share_cell(number(terms, "cap_milli")),
               duration_cell(why, "charged_ns"), duration_cell(why, "build_ns"), std::to_string(number(why, "leases")),
               duration_cell(why, "leased_ns"), duration_cell(why, "waited_ns"), duration_cell(why, "capped_ns"),
               state_cell(why)});
  }
  if (table.empty()) return "no sessions\n";
  std::string text = table.text();
  for (const json& session : reply.at("sessions")) text += charge_sentence(session) + unmoved_sentence(session);
  return text;
}

}  // namespace sluice::cli
