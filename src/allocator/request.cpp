#include "allocator/request.h"

#include "base/contract.h"

namespace sluice::allocator {
namespace {

// What of `all` falls to the devices from `before` on: the shares of all devices add up to all.
std::uint64_t share_of(std::uint64_t all, std::uint32_t before, std::uint32_t devices, std::uint32_t of) {
  const auto until = [&](std::uint64_t count) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(all) * count / of);
  };
  return until(before + std::uint64_t{devices}) - until(before);
}

}  // namespace

Request part_of(const Request& request, std::uint32_t before, std::uint32_t devices) {
  SLUICE_REQUIRE(std::uint64_t{before} + devices <= request.devices);
  Request part = request;
  part.linked = request.linked && !request.spreadable;
  part.spreadable = false;
  part.devices = devices;
  if (devices == request.devices) return part;
  part.cpu_milli = static_cast<std::uint32_t>(share_of(request.cpu_milli, before, devices, request.devices));
  part.host_memory_bytes = share_of(request.host_memory_bytes, before, devices, request.devices);
  return part;
}

std::uint64_t move_cost(const Request& request, std::uint64_t memory_bytes) {
  constexpr std::uint64_t mib = 1ull << 20;
  return std::uint64_t{std::max<std::uint16_t>(request.priority, 1)} * (stop_mib + memory_bytes / mib);
}

}  // namespace sluice::allocator
