// The words of explanations: requests, devices and plans as people write and read them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "allocator/planner.h"
#include "allocator/pool.h"

namespace sluice::allocator {

std::string grouped_milli(std::uint64_t amount);  // "7,700m"
// "400m and 2 GiB of memory"; without what is 0. Both 0: "nothing". Can be asked for as it is written.
std::string share_text(std::uint64_t milli, std::uint64_t memory_bytes);
// What is asked of each device: as share_text(), or "1/8 of a device's memory" for a part.
std::string share_asked(const Shape& shape);
std::string classes_text(ClassMask classes, std::span<const std::string> names);  // " of class T4 or A100"; any: ""
std::string devices_asked(const Shape& shape, std::span<const std::string> names);
std::string devices_asked_anywhere(const Shape& shape, std::span<const std::string> names);
std::string node_asked(const Shape& shape);  // CPU and host memory
// "device 0 (T4) of n1": without what has no name, and without the node where the pool has but one.
std::string device_text(const Pool& pool, NodeIndex node, unsigned device, std::span<const std::string> names);
std::string plan_text(const Pool& pool, const Plan& plan);

}  // namespace sluice::allocator
