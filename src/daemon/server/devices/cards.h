// Cards: a CPU device that is split into several devices of the pool, each with some of the machine's CPUs to itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/cpu_set.h"
#include "base/status.h"
#include "daemon/server/runtime/config.h"
#include "daemon/sessions/session_record.h"
#include "wire/device_traits.h"

namespace sluice::server {

// A device as it was found, or one card of it.
struct FoundDevice {
  std::uint32_t driver_index = 0;  // in the order of discovery
  std::uint32_t card = 0;          // of `cards`, from 0
  std::uint32_t cards = 1;
  CpuSet cpus;                // where its workers run; empty: everywhere
  wire::DeviceTraits traits;  // of a card only right once it was probed on its CPUs
};

// Is the rule about this device?
bool matches(const DeviceRule& rule, const FoundDevice& device);

// What a pool has when `found` is all there is, in order: each device whole, or its cards where the rules say so; of
// several rules the last one counts. allowed: the CPUs that the daemon may use.
// invalid_argument, with the rule's place: it splits a device that does not compute on CPUs, or names CPUs that are not
// allowed, or wants more cards than there are CPUs.
Result<std::vector<FoundDevice>> split_into_cards(std::vector<wire::DeviceTraits> found,
                                                  std::span<const DeviceRule> rules, const CpuSet& allowed);

// Its device's name, with the card's number if there are several: "pthread-haswell #1".
std::string label_of(const FoundDevice& device);

// What a session is noted to run on. A card is another one once it has other CPUs, or another number of sisters.
DeviceIdentity identity_of(const FoundDevice& device);

}  // namespace sluice::server
