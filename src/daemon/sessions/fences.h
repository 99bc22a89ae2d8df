// Fences: what stands between a session's worker and everything else, each of which can be switched off by name.
//
// All of them are up by default, and a worker that cannot have one does not serve. The configuration key `jail.without`
// names the fences that an administrator does without: because the machine lacks them (a pool without root has no
// cgroups of its own), or to see what a fence is worth (tests/attacks runs each attack with its fence down, too).
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

enum class Fence : std::uint8_t {
  user_namespace,     // no capability of the worker's holds outside of it
  pid_namespace,      // it sees no process but its own, and none of them outlives it
  mount_namespace,    // an empty root, with what its backend's jail profile names
  network_namespace,  // no interface, no abstract socket
  ipc_namespace,      // no System V object or message queue of anybody else's
  own_uid,            // a user id that no other session has
  seccomp,            // system calls by an allow-list
  landlock,           // files by an allow-list, on top of the mounts
  cgroup,             // limits of memory, processes and CPU time, and the measurement of the latter
  evidence,           // charges by the daemon's clock and the cgroup's, not by the worker's word alone
  sealed_terms,       // limits and lease terms in memory that the worker can only read
  budgets,            // bytes, builds and messages that a worker keeps or sends for a program
};
inline constexpr std::size_t fence_count = 12;

// As the configuration and messages have it: "pid-namespace".
std::string_view fence_name(Fence fence);
// What a session could do without it, for warnings: "a worker's child processes may outlive their session".
std::string_view without_fence(Fence fence);
std::optional<Fence> parse_fence(std::string_view name);
std::span<const Fence> all_fences();

class FenceSet {
 public:
  static FenceSet all() { return FenceSet(~std::bitset<fence_count>()); }
  FenceSet() = default;
  bool has(Fence fence) const { return bits_[static_cast<std::size_t>(fence)]; }
  void add(Fence fence) { bits_.set(static_cast<std::size_t>(fence)); }
  void remove(Fence fence) { bits_.reset(static_cast<std::size_t>(fence)); }
  // "pid-namespace,seccomp"; empty for none.
  std::string to_string() const;
  // Nothing: one of the names is unknown.
  static std::optional<FenceSet> parse(std::string_view names);
  friend bool operator==(const FenceSet&, const FenceSet&) = default;

 private:
  explicit FenceSet(std::bitset<fence_count> bits) : bits_(bits) {}
  std::bitset<fence_count> bits_;
};

}  // namespace sluice
