#include "wire/transport/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "wire/arena.h"

namespace sluice::wire {
namespace {

constexpr std::size_t bytes = 3 * 4096;

UniqueFd raw_memory(std::size_t size, int seals) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(fd.valid());
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  if (seals != 0) REQUIRE(::fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
  return fd;
}

SharedMemory fresh() {
  auto memory = SharedMemory::create("test", bytes);
  REQUIRE(memory.ok());
  return std::move(memory.value());
}

TEST_CASE("fresh memory is zero and of the size that was asked for") {
  const SharedMemory memory = fresh();
  CHECK(memory.size() == bytes);
  CHECK(std::all_of(memory.data(), memory.data() + bytes, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("nobody can resize shared memory or take its seals off") {
  const SharedMemory memory = fresh();
  CHECK(::ftruncate(memory.fd(), 4096) != 0);
  CHECK(::ftruncate(memory.fd(), 2 * bytes) != 0);
  CHECK(::fcntl(memory.fd(), F_ADD_SEALS, F_SEAL_WRITE) != 0);
  struct stat info {};
  REQUIRE(::fstat(memory.fd(), &info) == 0);
  CHECK(info.st_size == static_cast<off_t>(bytes));
}

TEST_CASE("a second mapping, also in another process, sees the same bytes") {
  const SharedMemory memory = fresh();
  auto again = SharedMemory::map(UniqueFd(::dup(memory.fd())), bytes);
  REQUIRE(again.ok());
  memory.data()[5000] = std::byte{42};
  CHECK(again.value().data()[5000] == std::byte{42});
  const pid_t child = ::fork();
  if (child == 0) {
    again.value().data()[5000] = std::byte{43};
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(memory.data()[5000] == std::byte{43});
}

TEST_CASE("memory that its sender could shrink under us is refused") {
  CHECK(SharedMemory::map(raw_memory(bytes, 0), bytes).status().code() == Code::protocol_fault);
  CHECK(SharedMemory::map(raw_memory(bytes, F_SEAL_GROW), bytes).status().code() == Code::protocol_fault);
  CHECK(SharedMemory::map(raw_memory(bytes, F_SEAL_SHRINK), bytes).ok());
}

TEST_CASE("memory of another size than announced is refused") {
  for (const std::size_t announced : {std::size_t{0}, bytes - 1, bytes + 1, bytes + 4096, SIZE_MAX})
    CHECK(SharedMemory::map(raw_memory(bytes, F_SEAL_SHRINK), announced).status().code() == Code::protocol_fault);
  CHECK_FALSE(SharedMemory::map(raw_memory(0, F_SEAL_SHRINK), 0).ok());
}

TEST_CASE("what is no shared memory at all is refused") {
  CHECK_FALSE(SharedMemory::map(UniqueFd(), bytes).ok());
  for (const char* path : {"/dev/zero", "/dev/null", "/proc/self/exe", "/"})
    CHECK_FALSE(SharedMemory::map(UniqueFd(::open(path, O_RDONLY | O_CLOEXEC)), bytes).ok());
}

TEST_CASE("memory that cannot be written is refused instead of crashing later") {
  UniqueFd fd = raw_memory(bytes, F_SEAL_SHRINK | F_SEAL_WRITE);
  CHECK_FALSE(SharedMemory::map(std::move(fd), bytes).ok());
}

TEST_CASE("more memory than there are addresses is refused without an exception") {
  CHECK_FALSE(SharedMemory::create("huge", SIZE_MAX).ok());
  CHECK_FALSE(SharedMemory::create("huge", std::size_t{1} << 55).ok());
}

TEST_CASE("discarded pages read as zero, their neighbours stay") {
  const SharedMemory memory = fresh();
  std::fill_n(memory.data(), bytes, std::byte{7});
  memory.discard(4096, 4096);
  CHECK(memory.data()[4095] == std::byte{7});
  CHECK(memory.data()[4096] == std::byte{0});
  CHECK(memory.data()[8191] == std::byte{0});
  CHECK(memory.data()[8192] == std::byte{7});
}

TEST_CASE("a moved mapping stays where it is") {
  SharedMemory memory = fresh();
  std::byte* const where = memory.data();
  SharedMemory moved = std::move(memory);
  CHECK(moved.data() == where);
  SharedMemory other = fresh();
  other = std::move(moved);
  other.data()[0] = std::byte{1};
  CHECK(other.size() == bytes);
}

TEST_CASE("memory lies where it is wished for, or elsewhere if something is there") {
  const std::uintptr_t wish = arena_home(1);
  const int seals = F_SEAL_SHRINK;
  const auto first = SharedMemory::map(raw_memory(bytes, seals), bytes, wish);
  REQUIRE(first.ok());
  CHECK(reinterpret_cast<std::uintptr_t>(first.value().data()) == wish);
  first.value().data()[0] = std::byte{7};
  const auto second = SharedMemory::map(raw_memory(bytes, seals), bytes, wish);
  REQUIRE(second.ok());
  CHECK(second.value().data() != first.value().data());
  second.value().data()[0] = std::byte{8};
  CHECK(first.value().data()[0] == std::byte{7});
}

}  // namespace
}  // namespace sluice::wire
