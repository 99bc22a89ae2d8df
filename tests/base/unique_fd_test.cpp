#include "base/unique_fd.h"

#include <fcntl.h>

#include <catch2/catch.hpp>

namespace sluice {
namespace {

bool open_in_this_process(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

int open_something() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  return fd;
}

TEST_CASE("a descriptor is closed with its owner") {
  const int fd = open_something();
  {
    const UniqueFd owner(fd);
    CHECK(owner.valid());
    CHECK(open_in_this_process(fd));
  }
  CHECK_FALSE(open_in_this_process(fd));
}

TEST_CASE("a moved descriptor has one owner") {
  const int fd = open_something();
  UniqueFd first(fd);
  UniqueFd second(std::move(first));
  CHECK(second.get() == fd);
  UniqueFd third(open_something());
  const int replaced = third.get();
  third = std::move(second);
  CHECK(third.get() == fd);
  CHECK_FALSE(open_in_this_process(replaced));
  CHECK(open_in_this_process(fd));
}

TEST_CASE("a descriptor survives being assigned to itself") {
  UniqueFd owner(open_something());
  UniqueFd& same = owner;
  owner = std::move(same);
  CHECK(open_in_this_process(owner.get()));
}

TEST_CASE("a released descriptor is the caller's to close") {
  UniqueFd owner(open_something());
  const int fd = owner.release();
  CHECK_FALSE(owner.valid());
  CHECK(open_in_this_process(fd));
  ::close(fd);
}

}  // namespace
}  // namespace sluice
