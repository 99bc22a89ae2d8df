#include "shim/opencl/info.h"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

namespace sluice::opencl {
namespace {

TEST_CASE("an info query without room for a value reports its size alone") {
  size_t size = 0;
  CHECK(InfoReply(0, nullptr, &size).value<cl_ulong>(7) == CL_SUCCESS);
  CHECK(size == sizeof(cl_ulong));
  CHECK(InfoReply(0, nullptr, &size).string("abc") == CL_SUCCESS);
  CHECK(size == 4);
}

TEST_CASE("an info query may ask for neither value nor size") {
  CHECK(InfoReply(0, nullptr, nullptr).value<cl_uint>(7) == CL_SUCCESS);
}

TEST_CASE("an info query with too little room is refused and writes nothing") {
  std::array<char, 8> room;
  room.fill('x');
  CHECK(InfoReply(3, room.data(), nullptr).value<cl_uint>(0) == CL_INVALID_VALUE);
  CHECK(InfoReply(3, room.data(), nullptr).string("abc") == CL_INVALID_VALUE);
  CHECK(std::string_view(room.data(), room.size()) == "xxxxxxxx");
}

TEST_CASE("an info query writes exactly its value") {
  std::array<char, 8> room;
  room.fill('x');
  size_t size = 0;
  CHECK(InfoReply(room.size(), room.data(), &size).string("abc") == CL_SUCCESS);
  CHECK(std::string_view(room.data(), room.size()) == std::string_view("abc\0xxxx", 8));
  const std::vector<cl_uint> numbers = {1, 2};
  std::array<cl_uint, 3> out = {9, 9, 9};
  CHECK(InfoReply(sizeof out, out.data(), &size).array<cl_uint>(numbers) == CL_SUCCESS);
  CHECK(size == 8);
  CHECK(out == std::array<cl_uint, 3>{1, 2, 9});
}

TEST_CASE("an empty list has size zero") {
  size_t size = 1;
  cl_uint untouched = 9;
  CHECK(InfoReply(sizeof untouched, &untouched, &size).array<cl_uint>({}) == CL_SUCCESS);
  CHECK(size == 0);
  CHECK(untouched == 9);
}

TEST_CASE("an answer written in place gets the program's own memory once there is room") {
  std::array<int, 2> room = {};
  int* into = nullptr;
  size_t size = 0;
  CHECK(InfoReply(sizeof room, room.data(), &size).in_place<int>(2, into) == CL_SUCCESS);
  CHECK(into == room.data());
  CHECK(size == sizeof room);
  CHECK(InfoReply(4, room.data(), &size).in_place<int>(2, into) == CL_INVALID_VALUE);
}

}  // namespace
}  // namespace sluice::opencl
