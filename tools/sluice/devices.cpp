// sluice devices: what the pool is made of, and which tenants have slices of it.
#include <algorithm>

#include "base/units.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/query.h"
#include "tools/sluice/slice_bar.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* footer = R"(What it shows:
  NAME     what programs see; "#0", "#1" are the cards of a CPU device that is split
  UNITS    compute units of the whole device or card
  MEMORY   what the pool offers of the device's memory; the device itself may have more
  OFFERED  how much of its compute the pool gives out, in thousandths
  CLASS    devices of one make and driver have the same letter
  HEALTH   ok; suspect: something failed, and a probe is to tell; failed or gone: it takes no new slices
  SLICES   how much of what is offered is guaranteed to which tenant; the letters stand below

Examples:
  sluice devices
  sluice devices --json | jq '.devices[] | {index, name, driver_index}'   names to match in sluiced.toml(5)
  sluice devices --json | jq '.devices[] | {index, slices}')";

std::string text_of(const json& object, const char* key) { return object.at(key).get<std::string>(); }

std::string count_of(const json& object, const char* key) {
  return std::to_string(object.at(key).get<std::uint64_t>());
}

std::string class_cell(const json& device, std::vector<std::string>& classes) {
  const std::string name = text_of(device, "class");
  const auto known = std::find(classes.begin(), classes.end(), name);
  const auto number = static_cast<std::size_t>(known - classes.begin());
  if (known == classes.end()) classes.push_back(name);
  return number < 26 ? std::string(1, static_cast<char>('A' + number)) : std::to_string(number);
}

std::string slices_cell(const json& device) {
  if (!device.at("enabled").get<bool>()) return "not enabled";
  std::vector<std::uint64_t> slices;
  for (const json& slice : device.at("slices")) slices.push_back(slice.at("gpu_milli").get<std::uint64_t>());
  return slice_bar(slices, device.at("gpu_milli").get<std::uint64_t>());
}

std::string devices_text(const json& devices) {
  Table table({{"DEVICE", Align::right},
               {"KIND"},
               {"NAME"},
               {"DRIVER"},
               {"UNITS", Align::right},
               {"MEMORY", Align::right},
               {"OFFERED", Align::right},
               {"CLASS"},
               {"HEALTH"},
               {"SLICES"}});
  std::vector<std::string> classes;
  for (const json& device : devices)
    table.add({count_of(device, "index"), text_of(device, "kind"), text_of(device, "label"),
               text_of(device, "platform") + " " + text_of(device, "driver_version"), count_of(device, "compute_units"),
               format_bytes(device.at("memory_bytes").get<std::uint64_t>()),
               share_cell(device.at("gpu_milli").get<std::uint64_t>()), class_cell(device, classes),
               text_of(device.at("health"), "state"), slices_cell(device)});
  return table.text();
}

// A line for each device that is not ok.
std::string troubles(const json& devices) {
  std::string text;
  for (const json& device : devices) {
    const json& health = device.at("health");
    if (!health.contains("reason")) continue;
    text += "\ndevice " + count_of(device, "index") + ": " + text_of(health, "state") + " for " +
            age_cell(health.at("for_ns").get<std::uint64_t>()) + ": " + text_of(health, "reason") + "\n";
  }
  return text;
}

// What the letters of the bars mean.
std::string legend(const json& devices) {
  Table table({{"DEVICE", Align::right},
               {"SLICE"},
               {"TENANT"},
               {"GPU", Align::right},
               {"MEMORY", Align::right},
               {"SESSIONS", Align::right}});
  for (const json& device : devices) {
    std::size_t number = 0;
    for (const json& slice : device.at("slices"))
      table.add({count_of(device, "index"), std::string(1, slice_letter(number++)), text_of(slice, "tenant"),
                 share_cell(slice.at("gpu_milli").get<std::uint64_t>()),
                 format_bytes(slice.at("memory_bytes").get<std::uint64_t>()), count_of(slice, "sessions")});
  }
  return table.empty() ? "" : "\n" + table.text();
}

std::string print(const json& reply) {
  const json& devices = reply.at("devices");
  return devices_text(devices) + troubles(devices) + legend(devices);
}

}  // namespace

void add_devices(CLI::App& app, int& exit_code) {
  static json request;
  add_query(app, {"devices", "List the pool's devices, and the slices on them", footer, print, "devices"}, request,
            exit_code);
}

}  // namespace sluice::cli
