// SharedMemory: a sealed, nameless piece of memory, and one process's mapping of it.
//
// It is made as a memfd, so nothing of it is left behind by any death, and sealed against shrinking, so that no peer
// can turn an access into a SIGBUS. It is handed on by SCM_RIGHTS. A front end that lives in a virtual machine maps a
// device's memory instead: `adopt_region` takes such a mapping as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::wire {

class SharedMemory {
 public:
  SharedMemory();
  SharedMemory(SharedMemory&&) noexcept;
  SharedMemory& operator=(SharedMemory&&) noexcept;
  ~SharedMemory();

  // Makes `bytes` (> 0) of zeroed memory; `label` shows in /proc for people. Pages cost nothing until touched.
  static Result<SharedMemory> create(const std::string& label, std::size_t bytes);

  // Maps what a peer sent. Refuses a descriptor that is not sealed against shrinking, or whose size is not `bytes`.
  // It lies at `wish`, a page's address, if nothing else lies there in this process; else wherever there is room.
  static Result<SharedMemory> map(UniqueFd fd, std::size_t bytes, std::uintptr_t wish = 0);

  // Uses memory that somebody else mapped and keeps mapped for as long as this object lives.
  static SharedMemory adopt_region(std::span<std::byte> region);

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  int fd() const { return fd_.get(); }  // -1 for an adopted region
  std::span<std::byte> bytes() const { return {data_, size_}; }

  // Gives the pages of a page-aligned range back to the system; they read as zero afterwards. No effect on an adopted
  // region.
  void discard(std::size_t offset, std::size_t bytes) const;

  // Never unmaps: for a program whose threads may still touch the memory while it exits.
  void leak();

 private:
  struct Mapping;
  std::unique_ptr<Mapping> mapping_;
  UniqueFd fd_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice::wire
