#include "shim/opencl/handle_probe.h"

#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <vector>

#include "shim/opencl/platform.h"

namespace sluice::opencl {
namespace {

TEST_CASE("a handle is told from plain data") {
  CHECK(probe_kind(the_platform()) == Kind::platform);
  const std::vector<std::uint64_t> data(16, 42);
  CHECK(probe_kind(data.data()) == Kind::dead);
}

TEST_CASE("numbers that are no addresses are looked at without harm") {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{8}, std::uint64_t{0xDEAD0000},
                                     std::uint64_t{0x7FF0000000000000}, UINT64_MAX - 7, UINT64_MAX}) {
    errno = 0;
    CHECK(probe_kind(reinterpret_cast<void*>(number)) == Kind::dead);
    CHECK(errno == 0);
  }
}

TEST_CASE("an address at the very end of readable memory is looked at without harm") {
  constexpr std::size_t page = 4096;
  auto* const two =
      static_cast<char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(two != MAP_FAILED);
  REQUIRE(munmap(two + page, page) == 0);
  CHECK(probe_kind(two + page - sizeof(void*)) == Kind::dead);
  CHECK(probe_kind(two + page) == Kind::dead);
  munmap(two, page);
}

}  // namespace
}  // namespace sluice::opencl
