#include "base/toml_file.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace sluice {

TEST_CASE("what is no TOML is refused with its place") {
  CHECK(parse_toml("a = 1\n", "f.toml").value()["a"].value<int>() == 1);
  const Status refused = parse_toml("a = 1\nb = =\n", "f.toml").status();
  CHECK(refused.code() == Code::invalid_argument);
  CHECK_THAT(refused.message(), Catch::StartsWith("f.toml:2:"));
}

TEST_CASE("a file that is not there is not found") {
  CHECK(read_toml_text("/no/such/file.toml").status().code() == Code::not_found);
}

TEST_CASE("complaints are told together, a line each, and no more than twenty") {
  TomlComplaints complaints("f.toml");
  CHECK(complaints.status().ok());
  complaints.add({{3, 7}, {3, 9}, nullptr}, "'memory' must be a size");
  complaints.add({{4, 1}, {4, 2}, nullptr}, "unknown key");
  CHECK(complaints.status().message() == "f.toml:3:7: 'memory' must be a size\nf.toml:4:1: unknown key");
  for (int more = 0; more < 100; ++more) complaints.add({}, "again");
  const std::string all = complaints.status().message();
  CHECK(std::count(all.begin(), all.end(), '\n') == 19);
}

}  // namespace sluice
