#include "base/cpu_set.h"

#include <catch2/catch.hpp>

using namespace sluice;

namespace {

std::string written_again(const char* list) { return CpuSet::parse(list).value().to_string(); }

std::vector<std::string> parts_of(const char* list, std::uint32_t parts) {
  std::vector<std::string> texts;
  for (const CpuSet& part : CpuSet::parse(list).value().divide(parts)) texts.push_back(part.to_string());
  return texts;
}

}  // namespace

TEST_CASE("a list of CPUs is written as it is read, in order and in runs") {
  CHECK(written_again("0") == "0");
  CHECK(written_again("0-3,8") == "0-3,8");
  CHECK(written_again("8,2,1,0,3") == "0-3,8");
  CHECK(written_again("1023") == "1023");
  CHECK(written_again("0-1023") == "0-1023");
  CHECK(CpuSet().to_string().empty());
}

TEST_CASE("what is not a list of CPUs is refused") {
  for (const char* text : {"", " ", "a", "0-", "-1", "3-1", "0,,1", "0,", "1024", "0-1024", "0 1", "0x1", "4294967296"})
    CHECK_FALSE(CpuSet::parse(text).ok());
  CHECK_THAT(CpuSet::parse("first").status().message(), Catch::Contains("'first' is not a list of CPUs"));
}

TEST_CASE("sets know what they include, and what they share") {
  const CpuSet four = CpuSet::parse("0-3").value(), last = CpuSet::parse("3").value();
  CHECK(four.includes(last));
  CHECK_FALSE(last.includes(four));
  CHECK(four.overlaps(last));
  CHECK_FALSE(four.overlaps(CpuSet::parse("64").value()));
  CHECK(four.count() == 4);
  CHECK(CpuSet().empty());
}

TEST_CASE("a set is divided evenly, in order") {
  CHECK(parts_of("0-1", 2) == std::vector<std::string>{"0", "1"});
  CHECK(parts_of("0-6", 3) == std::vector<std::string>{"0-2", "3-4", "5-6"});
  CHECK(parts_of("1,5,9-10", 2) == std::vector<std::string>{"1,5", "9-10"});
  CHECK(parts_of("4-7", 1) == std::vector<std::string>{"4-7"});
}

TEST_CASE("this thread may run somewhere") { CHECK_FALSE(CpuSet::allowed().empty()); }
