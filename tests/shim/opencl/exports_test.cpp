// The built library against exports.txt: the names and versions that programs were linked with.
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace {

std::set<std::string> expected_exports() {
  std::ifstream file(SLUICE_EXPORTS_LIST);
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);) names.insert(line);
  return names;
}

// Every defined function or object among the library's dynamic symbols, with its version.
std::set<std::string> actual_exports() {
  const std::string command = SLUICE_NM " -D --defined-only --with-symbol-versions " SLUICE_OPENCL_LIBRARY;
  std::FILE* const pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  for (char part[4096]; std::fgets(part, sizeof part, pipe) != nullptr;) output += part;
  REQUIRE(pclose(pipe) == 0);
  std::set<std::string> names;
  std::istringstream lines(output);
  for (std::string address, type, name; lines >> address >> type >> name;)
    if (type != "A") names.insert(name);  // absolute symbols are the versions themselves
  return names;
}

TEST_CASE("the library exports the system loader's functions with its versions, and nothing else") {
  REQUIRE(expected_exports().size() == 133);
  CHECK(actual_exports() == expected_exports());
}

}  // namespace
