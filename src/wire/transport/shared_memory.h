// SharedMemory: a sealed, nameless piece of memory, and one process's mapping of it: a region (region.h) between
// processes under one kernel. Not thread-safe, but for the memory itself, discard() and replace().
//
// It is made as a memfd, so nothing of it is left behind by any death, and sealed against shrinking, so that no peer
// can turn an access into a SIGBUS. It is handed on by SCM_RIGHTS. Memory that only its maker may write is sealed
// against every later mapping that could (F_SEAL_FUTURE_WRITE, Linux 5.1): a peer can map it for reading, and neither
// write(2) nor mprotect(2) gives it more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::wire {

// Which memory a descriptor stands for, in whichever process.
struct MemoryIdentity {
  std::uint64_t device = 0, inode = 0;
  friend bool operator==(const MemoryIdentity&, const MemoryIdentity&) = default;
};

struct MemoryLook {
  MemoryIdentity identity;
  std::uint64_t resident_bytes = 0;  // pages that any process touched and none gave back
};
// The kernel's word about a memfd.
Result<MemoryLook> look_at_memory(int fd);

enum class PeersMay : std::uint8_t { write, read };

class SharedMemory {
 public:
  SharedMemory();
  SharedMemory(SharedMemory&&) noexcept;
  SharedMemory& operator=(SharedMemory&&) noexcept;
  ~SharedMemory();

  // Makes `bytes` (> 0) of zeroed memory; `label` shows in /proc for people. Pages cost nothing until touched.
  // This mapping can write, whatever peers may.
  static Result<SharedMemory> create(const std::string& label, std::size_t bytes, PeersMay peers = PeersMay::write);

  // Maps what a peer sent. protocol_fault for a descriptor that is not sealed against shrinking, whose size is not
  // `bytes`, or that cannot be written. It lies at `wish`, a page's address, if nothing else lies there in this
  // process; else wherever there is room.
  static Result<SharedMemory> map(UniqueFd fd, std::size_t bytes, std::uintptr_t wish = 0);
  // The same for what is only read here: it may be sealed against writing, and then cannot be written.
  static Result<SharedMemory> map_to_read(UniqueFd fd, std::size_t bytes);

  // Holds what a peer sent, or create() made, without mapping it: data() is null, and fd() can be handed on.
  static SharedMemory hold(UniqueFd fd);

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  int fd() const { return fd_.get(); }
  std::span<std::byte> bytes() const { return {data_, size_}; }

  // Gives the pages of a page-aligned range back to the system; they read as zero afterwards.
  void discard(std::size_t offset, std::size_t bytes) const;

  // Maps other memory of the same size in the place of this one, in one step for other threads. Not ok: this one stays.
  Status replace(UniqueFd fd);

  // Unmaps, and leaves the descriptor.
  UniqueFd take_fd();

 private:
  struct Mapping;
  enum class Access : std::uint8_t { read, read_write };
  static Result<SharedMemory> map_as(Access access, UniqueFd fd, std::size_t bytes, std::uintptr_t wish);
  std::unique_ptr<Mapping> mapping_;
  UniqueFd fd_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice::wire
