#include "wire/shared_memory.h"

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
  explicit DescriptorMapping(int fd) : fd_(fd) {}
  bip::mode_t get_mode() const { return bip::read_write; }
  bip::mapping_handle_t get_mapping_handle() const { return {fd_, false}; }

 private:
  int fd_;
};

constexpr int seals_required = F_SEAL_SHRINK;

// Throws interprocess_exception. An address is taken at its word: it is there or nowhere.
bip::mapped_region map_region(int fd, std::size_t bytes, std::uintptr_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address that no object has yet
  return bip::mapped_region(DescriptorMapping(fd), bip::read_write, 0, bytes, reinterpret_cast<const void*>(address));
}

bip::mapped_region map_near(int fd, std::size_t bytes, std::uintptr_t wish) {
  if (wish != 0) {
    try {
      return map_region(fd, bytes, wish);
    } catch (const bip::interprocess_exception&) {  // taken: anywhere then
    }
  }
  return map_region(fd, bytes, 0);
}

}  // namespace

struct SharedMemory::Mapping {
  bip::mapped_region region;
};

SharedMemory::SharedMemory() = default;
SharedMemory::SharedMemory(SharedMemory&&) noexcept = default;
SharedMemory& SharedMemory::operator=(SharedMemory&&) noexcept = default;
SharedMemory::~SharedMemory() = default;

Result<SharedMemory> SharedMemory::create(const std::string& label, std::size_t bytes) {
  UniqueFd fd(memfd_create(("sluice-" + label).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return errno_status("create shared memory", errno);
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return errno_status("size shared memory", errno);
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return errno_status("seal shared memory", errno);
  return map(std::move(fd), bytes);
}

Result<SharedMemory> SharedMemory::map(UniqueFd fd, std::size_t bytes, std::uintptr_t wish) {
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return errno_status("look at shared memory", errno);
  const int seals = fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & seals_required) != seals_required)
    return Status(Code::protocol_fault, "shared memory is not sealed against shrinking");
  if (info.st_size < 0 || static_cast<std::size_t>(info.st_size) != bytes || bytes == 0)
    return Status(Code::protocol_fault, "shared memory has another size than announced");
  SharedMemory memory;
  try {
    memory.mapping_ = std::make_unique<Mapping>();
    memory.mapping_->region = map_near(fd.get(), bytes, wish);
  } catch (const bip::interprocess_exception& e) {
    return Status(Code::exhausted, std::string("cannot map shared memory: ") + e.what());
  }
  memory.data_ = static_cast<std::byte*>(memory.mapping_->region.get_address());
  memory.size_ = bytes;
  memory.fd_ = std::move(fd);
  return memory;
}

SharedMemory SharedMemory::adopt_region(std::span<std::byte> region) {
  SharedMemory memory;
  memory.data_ = region.data();
  memory.size_ = region.size();
  return memory;
}

void SharedMemory::discard(std::size_t offset, std::size_t bytes) const {
  if (!fd_.valid()) return;
  // A failure only means that the pages stay resident.
  (void)fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(bytes));
}

void SharedMemory::leak() { (void)mapping_.release(); }

}  // namespace sluice::wire
