#include "daemon/server/devices/cards.h"

#include <fnmatch.h>

#include <algorithm>

namespace sluice::server {
namespace {

// The last rule that says how the device is split; null: none does.
const DeviceRule* rule_for(const FoundDevice& device, std::span<const DeviceRule> rules) {
  const DeviceRule* last = nullptr;
  for (const DeviceRule& rule : rules)
    if ((rule.cards || !rule.cpus.empty()) && matches(rule, device)) last = &rule;
  return last;
}

Status refuse(const DeviceRule& rule, const std::string& why) {
  return Status(Code::invalid_argument, rule.where + ": " + why);
}

// The CPUs of each card.
Result<std::vector<CpuSet>> cards_of(const FoundDevice& device, const DeviceRule& rule, const CpuSet& allowed) {
  const std::string name = "'" + device.traits.name + "' (device " + std::to_string(device.driver_index) + ")";
  if (device.traits.kind != wire::DeviceKind::cpu)
    return refuse(rule, "only a CPU device can be split into cards, and " + name + " is none");
  for (const CpuSet& cpus : rule.cpus)
    if (!allowed.includes(cpus))
      return refuse(rule, "a card of " + name + " is to have the CPUs " + cpus.to_string() +
                              ", but sluiced may use only the CPUs " + allowed.to_string());
  if (!rule.cpus.empty()) return rule.cpus;
  if (*rule.cards > allowed.count())
    return refuse(rule, name + " cannot be split into " + std::to_string(*rule.cards) +
                            " cards: sluiced may use only the CPUs " + allowed.to_string());
  return allowed.divide(*rule.cards);
}

// FNV-1a.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

}  // namespace

bool matches(const DeviceRule& rule, const FoundDevice& device) {
  if (rule.index) return *rule.index == device.driver_index;
  return fnmatch(rule.name.c_str(), device.traits.name.c_str(), FNM_CASEFOLD) == 0;
}

Result<std::vector<FoundDevice>> split_into_cards(std::vector<wire::DeviceTraits> found,
                                                  std::span<const DeviceRule> rules, const CpuSet& allowed) {
  std::vector<FoundDevice> devices;
  for (std::uint32_t index = 0; index < found.size(); ++index) {
    FoundDevice device{index, 0, 1, {}, std::move(found[index])};
    const DeviceRule* rule = rule_for(device, rules);
    // One card without CPUs of its own is the whole device: so a rule takes back what one before it split.
    if (rule == nullptr || (rule->cards == 1 && rule->cpus.empty())) {
      devices.push_back(std::move(device));
      continue;
    }
    const std::vector<CpuSet> cards = SLUICE_TRY(cards_of(device, *rule, allowed));
    device.cards = static_cast<std::uint32_t>(cards.size());
    for (device.card = 0; device.card < device.cards; ++device.card) {
      device.cpus = cards[device.card];
      devices.push_back(device);
    }
  }
  return devices;
}

std::string label_of(const FoundDevice& device) {
  return device.traits.name + (device.cards > 1 ? " #" + std::to_string(device.card) : "");
}

DeviceIdentity identity_of(const FoundDevice& device) {
  DeviceIdentity identity;
  std::copy(std::begin(device.traits.uuid), std::end(device.traits.uuid), identity.uuid.begin());
  identity.card = device.card;
  identity.cards = device.cards;
  identity.cpus_hash = device.cpus.empty() ? 0 : hash_of(device.cpus.to_string());
  return identity;
}

}  // namespace sluice::server
