// The OpenCL objects behind the neutral ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/backends/backend.h"
#include "daemon/backends/opencl/api.h"
#include "daemon/backends/opencl/divisible.h"
#include "daemon/backends/opencl/watcher.h"

namespace sluice::backend::opencl {

// Serial numbers tell an object from its successor at the same address: see KernelObject::set.
struct MemoryObject final : Memory {
  MemoryHandle handle;
  std::uint64_t serial = 0;
};

struct SamplerObject final : Sampler {
  SamplerHandle handle;
  std::uint64_t serial = 0;
};

struct ProgramObject final : Program {
  ProgramHandle handle;
  wire::BinaryKind kind = wire::BinaryKind::none;
  std::vector<wire::KernelTraits> kernels;  // of an executable
  Divisions divisions;                      // of those
  std::optional<ProgramText> text;          // of a compiled object or a library, for what is linked from it; if known
};

// What an argument was last set to, so that it need not be set again.
struct SetArgument {
  wire::ArgumentValue value{};
  const std::byte* pointer = nullptr;
  std::uint64_t serial = 0;  // of a memory object or sampler; 0: null
  std::uint32_t local_bytes = 0;
  std::vector<std::byte> bytes;
  bool known = false;  // false: never set, or not to be relied on
};

struct KernelObject final : Kernel {
  KernelHandle handle;
  std::vector<wire::ArgumentTraits> traits;  // one each argument
  std::vector<SetArgument> set;
};

struct QueueObject final : Queue {
  QueueHandle handle;
  std::unique_ptr<Watcher> watcher;  // if the device's queues are watched
};

struct EventObject final : Event {
  EventHandle handle;
};

}  // namespace sluice::backend::opencl
