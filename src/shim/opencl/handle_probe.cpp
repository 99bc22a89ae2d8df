#include "shim/opencl/handle_probe.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace sluice::opencl {
namespace {

// The kernel reads the eight bytes of the signal set before it looks at the operation, which is none: EFAULT says that
// they cannot be read, and nothing changes either way.
bool readable(std::uintptr_t address) {
  constexpr int no_operation = -1;
  const int before = errno;
  const long result = syscall(SYS_rt_sigprocmask, no_operation, address, nullptr, sizeof(std::uint64_t));
  const bool fault = result == -1 && errno == EFAULT;
  errno = before;
  return !fault;
}

}  // namespace

Kind probe_kind(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (at == 0 || at % alignof(Object) != 0 || !readable(at) || !readable(at + sizeof(void*))) return Kind::dead;
  const cl_icd_dispatch* front = nullptr;
  std::memcpy(&front, address, sizeof front);
  return front == &dispatch_table ? static_cast<const Object*>(address)->kind() : Kind::dead;
}

}  // namespace sluice::opencl
