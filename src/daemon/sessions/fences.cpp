#include "daemon/sessions/fences.h"

#include <array>

namespace sluice {
namespace {

struct Row {
  Fence fence;
  std::string_view name, without;
};

constexpr std::array<Row, fence_count> rows{{
    {Fence::user_namespace, "user-namespace", "a worker's privileges, should it gain any, hold on the whole machine"},
    {Fence::pid_namespace, "pid-namespace", "processes that a kernel starts may outlive their session"},
    {Fence::mount_namespace, "mount-namespace", "kernels see the machine's files, as far as their user may"},
    {Fence::network_namespace, "network-namespace", "kernels reach the network and abstract sockets"},
    {Fence::ipc_namespace, "ipc-namespace", "kernels reach System V shared memory, semaphores and queues"},
    {Fence::own_uid, "own-uid", "sessions share a user id, and with it each other's processes and files"},
    {Fence::seccomp, "seccomp", "kernels may make any system call"},
    {Fence::landlock, "landlock", "kernels reach every file that lies in the worker's root"},
    {Fence::cgroup, "cgroup", "a session's host memory, processes and CPU time are neither bounded nor measured"},
    {Fence::evidence, "evidence", "sessions are charged what their workers say"},
    {Fence::sealed_terms, "sealed-terms", "a worker can write its own limits and lease terms"},
    {Fence::budgets, "budgets", "what a worker keeps for its program, and a build's time, have no bound"},
}};

constexpr std::array<Fence, fence_count> fences = [] {
  std::array<Fence, fence_count> all{};
  for (std::size_t i = 0; i < fence_count; ++i) all[i] = rows[i].fence;
  return all;
}();

const Row& row_of(Fence fence) { return rows[static_cast<std::size_t>(fence)]; }

}  // namespace

std::string_view fence_name(Fence fence) { return row_of(fence).name; }
std::string_view without_fence(Fence fence) { return row_of(fence).without; }
std::span<const Fence> all_fences() { return fences; }

std::optional<Fence> parse_fence(std::string_view name) {
  for (const Row& row : rows)
    if (row.name == name) return row.fence;
  return std::nullopt;
}

std::string FenceSet::to_string() const {
  std::string text;
  for (const Row& row : rows) {
    if (!has(row.fence)) continue;
    if (!text.empty()) text += ',';
    text += row.name;
  }
  return text;
}

std::optional<FenceSet> FenceSet::parse(std::string_view names) {
  FenceSet set;
  while (!names.empty()) {
    const std::size_t end = names.find(',');
    const auto fence = parse_fence(names.substr(0, end));
    if (!fence) return std::nullopt;
    set.add(*fence);
    names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
  }
  return set;
}

}  // namespace sluice
