#include "wire/transport/shared_memory.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>

namespace sluice::wire {
namespace bip = boost::interprocess;

namespace {

// What Boost.Interprocess needs to map a descriptor it did not open itself.
class DescriptorMapping {
 public:
  DescriptorMapping(int fd, bip::mode_t mode) : fd_(fd), mode_(mode) {}
  bip::mode_t get_mode() const { return mode_; }
  bip::mapping_handle_t get_mapping_handle() const { return {fd_, false}; }

 private:
  int fd_;
  bip::mode_t mode_;
};

constexpr int seals_required = F_SEAL_SHRINK;
constexpr int seals_for_all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr int seals_write = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
constexpr int block_bytes = 512;  // of st_blocks, see stat(3type)

// The memory's seals. protocol_fault: it is not sealed against shrinking, or not as large as it should be.
Result<int> check_memory(int fd, std::size_t bytes) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return errno_status("look at shared memory", errno);
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & seals_required) != seals_required)
    return Status(Code::protocol_fault, "shared memory is not sealed against shrinking");
  if (info.st_size < 0 || static_cast<std::size_t>(info.st_size) != bytes || bytes == 0)
    return Status(Code::protocol_fault, "shared memory has another size than announced");
  return seals;
}

// Throws interprocess_exception, also where something else lies at `address` (0: any address will do).
bip::mapped_region map_region(int fd, bip::mode_t mode, std::size_t bytes, std::uintptr_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address that no object has yet
  return bip::mapped_region(DescriptorMapping(fd, mode), mode, 0, bytes, reinterpret_cast<const void*>(address));
}

bip::mapped_region map_near(int fd, bip::mode_t mode, std::size_t bytes, std::uintptr_t wish) {
  if (wish != 0) {
    try {
      return map_region(fd, mode, bytes, wish);
    } catch (const bip::interprocess_exception&) {  // taken: any address will do
    }
  }
  return map_region(fd, mode, bytes, 0);
}

}  // namespace

Result<MemoryLook> look_at_memory(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return errno_status("look at shared memory", errno);
  return MemoryLook{{info.st_dev, info.st_ino}, static_cast<std::uint64_t>(info.st_blocks) * block_bytes};
}

struct SharedMemory::Mapping {
  bip::mapped_region region;
};

SharedMemory::SharedMemory() = default;
SharedMemory::SharedMemory(SharedMemory&&) noexcept = default;
SharedMemory& SharedMemory::operator=(SharedMemory&&) noexcept = default;
SharedMemory::~SharedMemory() = default;

Result<SharedMemory> SharedMemory::create(const std::string& label, std::size_t bytes, PeersMay peers) {
  UniqueFd fd(memfd_create(("sluice-" + label).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return errno_status("create shared memory", errno);
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return errno_status("size shared memory", errno);
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) return errno_status("seal shared memory", errno);
  SharedMemory memory = SLUICE_TRY(map(std::move(fd), bytes));
  const int seals = seals_for_all | (peers == PeersMay::read ? F_SEAL_FUTURE_WRITE : 0);
  if (fcntl(memory.fd(), F_ADD_SEALS, seals) != 0) return errno_status("seal shared memory", errno);
  return memory;
}

Result<SharedMemory> SharedMemory::map(UniqueFd fd, std::size_t bytes, std::uintptr_t wish) {
  const int seals = SLUICE_TRY(check_memory(fd.get(), bytes));
  if ((seals & seals_write) != 0) return Status(Code::protocol_fault, "shared memory cannot be written");
  return map_as(Access::read_write, std::move(fd), bytes, wish);
}

Result<SharedMemory> SharedMemory::map_to_read(UniqueFd fd, std::size_t bytes) {
  const int seals = SLUICE_TRY(check_memory(fd.get(), bytes));
  return map_as((seals & seals_write) != 0 ? Access::read : Access::read_write, std::move(fd), bytes, 0);
}

Result<SharedMemory> SharedMemory::map_as(Access access, UniqueFd fd, std::size_t bytes, std::uintptr_t wish) {
  const bip::mode_t mode = access == Access::read ? bip::read_only : bip::read_write;
  SharedMemory memory;
  try {
    memory.mapping_ = std::make_unique<Mapping>();
    memory.mapping_->region = map_near(fd.get(), mode, bytes, wish);
  } catch (const bip::interprocess_exception& e) {
    return Status(Code::exhausted, std::string("cannot map shared memory: ") + e.what());
  }
  memory.data_ = static_cast<std::byte*>(memory.mapping_->region.get_address());
  memory.size_ = bytes;
  memory.fd_ = std::move(fd);
  return memory;
}

Status SharedMemory::replace(UniqueFd fd) {
  const int seals = SLUICE_TRY(check_memory(fd.get(), size_));
  const int access = (seals & seals_write) != 0 ? PROT_READ : PROT_READ | PROT_WRITE;
  if (mmap(data_, size_, access, MAP_SHARED | MAP_FIXED, fd.get(), 0) == MAP_FAILED)
    return errno_status("map shared memory", errno);
  fd_ = std::move(fd);
  return Status();
}

UniqueFd SharedMemory::take_fd() {
  mapping_.reset();
  data_ = nullptr;
  size_ = 0;
  return std::move(fd_);
}

SharedMemory SharedMemory::hold(UniqueFd fd) {
  SharedMemory memory;
  memory.fd_ = std::move(fd);
  return memory;
}

void SharedMemory::discard(std::size_t offset, std::size_t bytes) const {
  if (!fd_.valid()) return;
  // A failure only means that the pages stay resident.
  (void)fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(bytes));
}

}  // namespace sluice::wire
