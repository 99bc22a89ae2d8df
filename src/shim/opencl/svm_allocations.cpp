#include "shim/opencl/svm_allocations.h"

#include <utility>

#include "base/contract.h"
#include "shim/opencl/memory.h"
#include "shim/opencl/transfer.h"

namespace sluice::opencl {

SvmAllocations::SvmAllocations() = default;
SvmAllocations::~SvmAllocations() = default;

void* SvmAllocations::add(Ref<_cl_mem> buffer) {
  std::byte* const place = buffer->contents();
  SLUICE_REQUIRE(place != nullptr);
  const std::lock_guard lock(mutex_);
  by_address_.insert_or_assign(place, std::move(buffer));
  return place;
}

Ref<_cl_mem> SvmAllocations::take(const void* pointer) {
  const std::lock_guard lock(mutex_);
  const auto found = by_address_.find(static_cast<const std::byte*>(pointer));
  if (found == by_address_.end()) return {};
  Ref<_cl_mem> buffer = std::move(found->second);
  by_address_.erase(found);
  return buffer;
}

std::optional<SvmRange> SvmAllocations::find(const void* pointer, std::size_t bytes) const {
  const auto* at = static_cast<const std::byte*>(pointer);
  const std::lock_guard lock(mutex_);
  auto found = by_address_.upper_bound(at);
  if (found == by_address_.begin()) return std::nullopt;
  --found;
  const auto offset = static_cast<std::size_t>(at - found->first);
  if (!in_range(offset, bytes, found->second->bytes())) return std::nullopt;
  return SvmRange{found->second, offset};
}

}  // namespace sluice::opencl
