#include "daemon/server/admin/move_admin.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace sluice::server {
namespace {

using nlohmann::json;

Result<std::uint64_t> number_of(const json& request, const char* key) {
  const auto field = request.find(key);
  if (field == request.end() || !field->is_number_unsigned())
    return Status(Code::invalid_argument, std::string("'") + key + "' must be there, and a number");
  return field->get<std::uint64_t>();
}

const char* stage_name(MoveStage stage) {
  switch (stage) {
    case MoveStage::asked: return "begins";
    case MoveStage::copies: return "copies";
    case MoveStage::switches: return "switches";
  }
  return "begins";
}

json moved_json(const MoveView::Moved& moved) {
  const MoveReport& report = moved.report;
  return {{"session", moved.session_id}, {"pause_ns", report.pause_ns},
          {"bytes", report.bytes},       {"bytes_in_pause", report.bytes_in_pause},
          {"objects", report.objects},   {"rounds", report.rounds}};
}

}  // namespace

Result<json> start_move(SessionMover& mover, const json& request) {
  const std::uint64_t session = SLUICE_TRY(number_of(request, "session"));
  const std::uint64_t wanted = SLUICE_TRY(number_of(request, "device"));
  if (wanted > std::numeric_limits<std::uint32_t>::max())
    return Status(Code::not_found, "there is no device " + std::to_string(wanted));
  const auto device = static_cast<std::uint32_t>(wanted);
  const auto dry = request.find("dry_run");
  if (dry != request.end() && !dry->is_boolean())
    return Status(Code::invalid_argument, "'dry_run' must be true or false");
  const bool dry_run = dry != request.end() && dry->get<bool>();
  if (dry_run) SLUICE_TRY(mover.check(session, device));
  json answer{{"dry_run", dry_run}, {"device", device}};
  if (!dry_run) answer["move"] = SLUICE_TRY(mover.start(session, device));
  answer["sessions"] = mover.sessions_with(session);
  return answer;
}

Result<json> show_move(const SessionMover& mover, const json& request) {
  const std::uint64_t number = SLUICE_TRY(number_of(request, "move"));
  const auto view = mover.find(number);
  if (!view) return Status(Code::not_found, "no move " + std::to_string(number) + " is known (any more)");
  json answer{{"move", view->number}, {"tenant", view->tenant}, {"from", view->from},      {"to", view->to},
              {"done", view->done},   {"moved", json::array()}, {"on_both", view->on_both}};
  for (const MoveView::Moved& moved : view->moved) answer["moved"].push_back(moved_json(moved));
  if (view->current != 0)
    answer["current"] = {{"session", view->current},
                         {"stage", stage_name(view->progress.stage)},
                         {"bytes_sent", view->progress.bytes_sent},
                         {"bytes_known", view->progress.bytes_known}};
  if (!view->failure.empty()) answer["failed"] = {{"session", view->failed}, {"reason", view->failure}};
  return answer;
}

}  // namespace sluice::server
