// KernelArguments: what a program has set so far, kept as the records that a launch sends (wire/commands.h,
// KernelLaunch), so that a launch copies one run of bytes and nothing else.
//
// Pure data: what may be set is checked by the front end. Not thread-safe; the kernel's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/contract.h"
#include "wire/commands.h"
#include "wire/kernel_traits.h"

namespace sluice::shim {

// What a launch has room for beside the longest wait list.
inline constexpr std::size_t argument_bytes_max =
    wire::command_bytes_max - sizeof(wire::KernelLaunch) - wire::wait_list_max * sizeof(wire::ObjectId);

class KernelArguments {
 public:
  explicit KernelArguments(const wire::KernelTraits& traits);

  // REQUIRES: index is below the kernel's count of arguments. False: the arguments together are more than a launch
  // can carry, and nothing has changed.
  bool set_bytes(std::uint32_t index, std::span<const std::byte> value);
  bool set_object(std::uint32_t index, wire::ObjectId id);
  bool set_local(std::uint32_t index, std::uint32_t bytes);
  bool set_pointer(std::uint32_t index, std::uint64_t arena_at);

  bool all_set() const { return unset_ == 0; }
  std::uint32_t count() const { return static_cast<std::uint32_t>(entries_.size()); }
  // Every record, in order. REQUIRES: all_set().
  std::span<const std::byte> records() const {
    SLUICE_REQUIRE_COSTLY(all_set());
    return records_;
  }
  // Local memory that the arguments ask for.
  std::uint64_t local_bytes() const { return local_bytes_; }

 private:
  struct Entry {
    std::uint32_t at = 0;          // of its record
    std::uint32_t room_bytes = 0;  // of its record
    std::uint32_t local_bytes = 0;
    bool set = false;
  };
  bool set(std::uint32_t index, wire::KernelArgument head, std::span<const std::byte> data);
  bool resize(std::uint32_t index, std::uint32_t room_bytes);

  std::vector<std::byte> records_;
  std::vector<Entry> entries_;
  std::uint32_t unset_ = 0;
  std::uint64_t local_bytes_ = 0;
};

}  // namespace sluice::shim
