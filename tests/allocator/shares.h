// Requests and nodes with nothing but devices, for tests that say each number.
#pragma once

#include <string>
#include <vector>

#include "allocator/pool.h"

namespace sluice::test {

inline allocator::Request share(std::uint32_t milli, std::uint32_t devices = 1, std::uint64_t memory_bytes = 0) {
  allocator::Request request;
  request.gpu.value = milli;
  request.devices = devices;
  request.memory_bytes = memory_bytes;
  request.memory_parts = 0;
  return request;
}

// A node for each number, with so many devices.
inline std::vector<allocator::NodeSpec> nodes_of(const std::vector<std::size_t>& devices) {
  std::vector<allocator::NodeSpec> nodes;
  for (const std::size_t count : devices)
    nodes.push_back({"n", 0, 64'000, 0, std::vector<allocator::DeviceSpec>(count)});
  return nodes;
}

}  // namespace sluice::test
