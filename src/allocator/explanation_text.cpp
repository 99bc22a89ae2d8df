#include "allocator/explanation_text.h"

#include <bit>

#include "allocator/amounts.h"

namespace sluice::allocator {
namespace {

std::string joined(const std::string& first, const std::string& second) {
  if (first.empty()) return second.empty() ? "nothing" : second;
  return second.empty() ? first : first + " and " + second;
}

std::string plain_milli(std::uint64_t amount) { return amount == 0 ? "" : std::to_string(amount) + "m"; }

// Beside a share of several devices.
std::string memory_asked(const Shape& shape) {
  if (shape.memory_bytes > 0) return "/" + writable_bytes(shape.memory_bytes);
  return shape.memory_parts > 0 ? "/one part in " + std::to_string(shape.memory_parts) + " of its memory" : "";
}

}  // namespace

std::string grouped_milli(std::uint64_t amount) {
  std::string text = std::to_string(amount);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text + "m";
}

std::string share_text(std::uint64_t milli, std::uint64_t memory_bytes) {
  return joined(plain_milli(milli), memory_bytes == 0 ? "" : writable_bytes(memory_bytes) + " of memory");
}

std::string share_asked(const Shape& shape) {
  if (shape.memory_bytes > 0 || shape.memory_parts == 0) return share_text(shape.gpu_milli, shape.memory_bytes);
  return joined(plain_milli(shape.gpu_milli), "1/" + std::to_string(shape.memory_parts) + " of a device's memory");
}

std::string classes_text(ClassMask classes, std::span<const std::string> names) {
  if (classes == any_class) return "";
  std::string text;
  for (; classes != 0; classes &= classes - 1) {
    const auto number = static_cast<std::size_t>(std::countr_zero(classes));
    if (!text.empty()) text += " or ";
    text += number < names.size() ? names[number] : std::to_string(number);
  }
  return " of class " + text;
}

std::string devices_asked(const Shape& shape, std::span<const std::string> names) {
  return std::to_string(shape.devices) + (shape.linked ? " linked" : "") + " devices" + " of one node with " +
         grouped_milli(shape.gpu_milli) + memory_asked(shape) + classes_text(shape.classes, names);
}

std::string devices_asked_anywhere(const Shape& shape, std::span<const std::string> names) {
  return std::to_string(shape.devices) + " devices with " + grouped_milli(shape.gpu_milli) + memory_asked(shape) +
         classes_text(shape.classes, names) + ", of however many nodes";
}

std::string node_asked(const Shape& shape) {
  std::string text = grouped_milli(shape.cpu_milli) + " of CPU";
  if (shape.host_memory_bytes > 0) text += " and " + writable_bytes(shape.host_memory_bytes) + " of host memory";
  return text;
}

std::string device_text(const Pool& pool, NodeIndex node, unsigned device, std::span<const std::string> names) {
  const std::size_t device_class = pool.view(node).devices[device].device_class;
  std::string text = "device " + std::to_string(device);
  if (device_class < names.size()) text += " (" + names[device_class] + ")";
  return pool.node_count() > 1 ? text + " of " + pool.name(node) : text;
}

std::string plan_text(const Pool& pool, const Plan& plan) {
  std::uint64_t moved = 0;
  for (const Move& move : plan.moves) moved += shape_of(pool.slices().at(move.slice).request).total_milli();
  if (plan.moves.size() == 1) return "one move of " + grouped_milli(moved) + " would make room";
  return std::to_string(plan.moves.size()) + " moves of " + grouped_milli(moved) + " together would make room";
}

}  // namespace sluice::allocator
