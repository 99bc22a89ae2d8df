// sluice devices: what the pool is made of.
#include "base/units.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/query.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* footer = R"(What it shows:
  UNITS    compute units of the whole device
  MEMORY   what the pool offers of the device's memory; the device itself may have more
  OFFERED  how much of its compute the pool gives out, in thousandths

Examples:
  sluice devices
  sluice devices --json | jq '.devices[] | {index, name, uuid}'   names to match in sluiced.toml(5))";

std::string print(const json& reply) {
  Table table({{"DEVICE", Align::right},
               {"KIND"},
               {"NAME"},
               {"VENDOR"},
               {"UNITS", Align::right},
               {"CLOCK", Align::right},
               {"MEMORY", Align::right},
               {"OFFERED", Align::right},
               {"DRIVER"}});
  for (const json& device : reply.at("devices"))
    table.add(
        {std::to_string(device.at("index").get<int>()), device.at("kind").get<std::string>(),
         device.at("label").get<std::string>(), device.at("vendor").get<std::string>(),
         std::to_string(device.at("compute_units").get<int>()),
         std::to_string(device.at("clock_mhz").get<int>()) + " MHz",
         format_bytes(device.at("memory_bytes").get<std::uint64_t>()),
         device.at("enabled").get<bool>() ? share_cell(device.at("gpu_milli").get<std::uint64_t>()) : "not enabled",
         device.at("platform").get<std::string>() + " " + device.at("driver_version").get<std::string>()});
  return table.text();
}

}  // namespace

void add_devices(CLI::App& app, int& exit_code) {
  static json request;
  add_query(app, {"devices", "List the pool's devices", footer, print, "devices"}, request, exit_code);
}

}  // namespace sluice::cli
