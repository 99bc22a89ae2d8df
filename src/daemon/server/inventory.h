// Inventory: asks what devices there are, splits them into cards as the configuration has it, and has cards looked at
// on CPUs of their own: what a driver says there is what sessions on the card are told.
#pragma once

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "base/status.h"
#include "daemon/server/devices/cards.h"
#include "daemon/server/workers/discovery.h"

namespace sluice::server {

class Inventory {
 public:
  using Found = std::function<void(Result<std::vector<FoundDevice>>)>;

  // REQUIRES: all of these outlive the inventory.
  Inventory(EventLoop& loop, const WorkerLauncher& launcher, BlockingTasks& tasks)
      : discovery_(loop, launcher, tasks) {}

  struct Question {
    std::vector<DeviceRule> rules;
    Nanoseconds ns_max = 0;                      // for each process that looks
    std::function<std::uint32_t()> next_number;  // of a worker
  };
  // Calls `found` once, from the loop, with at least one device. not_found: there is none; invalid_argument: a rule
  // asks for cards that cannot be; else why a process that looked gave no answer.
  void look(Question question, Found found);

 private:
  void devices_found(Result<std::vector<wire::DeviceTraits>> found);
  void look_at_cards();
  void card_found(std::size_t which, Result<std::vector<wire::DeviceTraits>> found);

  Discovery discovery_;
  Question question_;
  Found found_;
  std::vector<FoundDevice> devices_;
  std::set<std::size_t> unseen_;  // of devices_: cards whose traits are still the whole device's
};

// What a worker is started with on this device.
WorkerDevice worker_device(const FoundDevice& device);

}  // namespace sluice::server
