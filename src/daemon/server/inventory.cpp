#include "daemon/server/inventory.h"

#include "daemon/backends/driver_environment.h"

namespace sluice::server {

WorkerDevice worker_device(const FoundDevice& device) { return {device.driver_index, device.cpus, device.traits}; }

void Inventory::look(Question question, Found found) {
  question_ = std::move(question);
  found_ = std::move(found);
  discovery_.start(question_.next_number(), question_.ns_max,
                   [this](Result<std::vector<wire::DeviceTraits>> all) { devices_found(std::move(all)); });
}

void Inventory::devices_found(Result<std::vector<wire::DeviceTraits>> found) {
  if (!found.ok()) return found_(found.status());
  if (found.value().empty())
    return found_(Status(Code::not_found, "no device found; " + backend::advice_without_drivers()));
  auto split = split_into_cards(found.take(), question_.rules, CpuSet::allowed());
  if (!split.ok()) return found_(split.status());
  devices_ = split.take();
  for (std::size_t i = 0; i < devices_.size(); ++i)
    if (!devices_[i].cpus.empty()) unseen_.insert(i);
  look_at_cards();
}

void Inventory::look_at_cards() {
  if (unseen_.empty()) return found_(std::move(devices_));
  const std::size_t which = *unseen_.begin();
  const WorkerDevice card = worker_device(devices_[which]);
  discovery_.start(
      question_.next_number(), question_.ns_max,
      [this, which](Result<std::vector<wire::DeviceTraits>> found) { card_found(which, std::move(found)); }, &card);
}

// Cards of one device with as many CPUs are alike: one look is enough for all of them.
void Inventory::card_found(std::size_t which, Result<std::vector<wire::DeviceTraits>> found) {
  const FoundDevice seen = devices_[which];
  const std::string failed = "card " + std::to_string(seen.card) + " of '" + seen.traits.name + "' cannot be used: ";
  if (!found.ok()) return found_(Status(found.status().code(), failed + found.status().message()));
  if (found.value().size() != 1) return found_(Status(Code::protocol_fault, failed + "not an answer to a probe"));
  for (std::size_t i = which; i < devices_.size(); ++i) {
    FoundDevice& other = devices_[i];
    if (other.driver_index != seen.driver_index || other.cpus.count() != seen.cpus.count()) continue;
    other.traits = found.value().front();
    unseen_.erase(i);
  }
  look_at_cards();
}

}  // namespace sluice::server
