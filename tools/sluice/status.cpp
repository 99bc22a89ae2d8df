// sluice status: the pool at a glance.
#include "base/units.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/query.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* footer = R"(What it shows:
  FREE GPU     what is not promised to tenants, in thousandths of a device
  FREE MEMORY  likewise; a tenant's memory is its own for as long as it has sessions
  WORKERS      processes with the driver loaded: 'ready' ones wait for programs, 'serving' ones have one

Examples:
  sluice status                 the machine's pool (as root), or else your own
  sluice status --user          your own pool
  sluice status --json | jq '.devices[].workers.ready')";

std::uint64_t rest(const json& device, const char* all, const char* promised) {
  const auto total = device.at(all).get<std::uint64_t>();
  return total - std::min(total, device.at(promised).get<std::uint64_t>());
}

std::string workers_cell(const json& device) {
  const json& workers = device.at("workers");
  if (!device.at("enabled").get<bool>()) return "not enabled";
  std::string text = std::to_string(workers.at("ready").get<int>()) + " ready";
  for (const char* kind : {"starting", "serving"})
    if (const int count = workers.at(kind).get<int>(); count > 0) text += ", " + std::to_string(count) + " " + kind;
  return text;
}

std::string room_cell(std::uint64_t free, std::uint64_t total, std::string (*format)(std::uint64_t)) {
  return format(free) + " of " + format(total);
}

std::string milli_text(std::uint64_t milli) { return std::to_string(milli) + "m"; }

// What keeps workers from starting, a line for each device that has such trouble.
std::string troubles(const json& devices) {
  std::string text;
  for (const json& device : devices) {
    const json& workers = device.at("workers");
    if (!workers.contains("failure")) continue;
    text += "\ndevice " + std::to_string(device.at("index").get<int>()) +
            ": workers cannot be started: " + workers.at("failure").get<std::string>();
    const auto wait_ns = workers.at("retry_in_ns").get<std::uint64_t>();
    text += wait_ns > 0 ? "; next try in " + format_duration(wait_ns) + "\n" : "; trying now\n";
  }
  return text;
}

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string print(const json& reply) {
  const auto up_ns = reply.at("now_unix_ns").get<std::uint64_t>() - reply.at("started_unix_ns").get<std::uint64_t>();
  std::string text = "sluiced " + reply.at("version").get<std::string>() + " (pid " +
                     std::to_string(reply.at("pid").get<int>()) + ") serves " +
                     (reply.at("user_pool").get<bool>() ? "one user" : "all users") + " from " +
                     reply.at("runtime_dir").get<std::string>() + ", up " + age_cell(up_ns) + "\n";
  text += counted(reply.at("tenants").get<std::uint64_t>(), "tenant") + " with " +
          counted(reply.at("sessions").get<std::uint64_t>(), "session") + "; at most " +
          counted(reply.at("sessions_max").get<std::uint64_t>(), "session") + "\n\n";
  Table table({{"DEVICE", Align::right},
               {"NAME"},
               {"FREE GPU", Align::right},
               {"FREE MEMORY", Align::right},
               {"SESSIONS", Align::right},
               {"WORKERS"}});
  for (const json& device : reply.at("devices"))
    table.add(
        {std::to_string(device.at("index").get<int>()), device.at("label").get<std::string>(),
         room_cell(rest(device, "gpu_milli", "gpu_promised_milli"), device.at("gpu_milli"), milli_text),
         room_cell(rest(device, "memory_bytes", "memory_promised_bytes"), device.at("memory_bytes"), format_bytes),
         std::to_string(device.at("sessions").get<int>()), workers_cell(device)});
  return text + table.text() + troubles(reply.at("devices"));
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  static json request;
  add_query(app, {"status", "Show the pool: daemon, devices, what is free, workers", footer, print, "status"}, request,
            exit_code);
}

}  // namespace sluice::cli
