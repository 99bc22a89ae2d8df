// The library that is preloaded into workers, in programs that have nothing to do with PoCL.
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

namespace sluice {
namespace {

// What a shell prints into which the library is preloaded.
std::string output_of(const std::string& command) {
  FILE* pipe = popen(("LD_PRELOAD=" SLUICE_POCL_LIBRARY " " + command).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output.push_back(static_cast<char>(c));
  REQUIRE(pclose(pipe) == 0);
  return output;
}

bool holds(const std::string& text, const char* words) { return text.find(words) != std::string::npos; }

TEST_CASE("a program into which the library is preloaded has it, and starts others without it") {
  const std::string own = output_of("/bin/sh -c 'while read -r line; do echo \"$line\"; done < /proc/self/maps'");
  CHECK(holds(own, "libsluice-pocl"));
  const std::string child = output_of("/bin/sh -c 'cat /proc/self/maps; true'");
  CHECK(holds(child, "/cat"));
  CHECK_FALSE(holds(child, "libsluice-pocl"));
  CHECK_FALSE(holds(output_of("/usr/bin/env"), "LD_PRELOAD"));
}

TEST_CASE("without PoCL the interposed functions of the C library do what they always do") {
  CHECK(output_of("/bin/sh -c 'test -r /etc/passwd && echo yes'") == "yes\n");
  CHECK(output_of("/bin/sh -c 'test -r /no/such/file || echo no'") == "no\n");
}

}  // namespace
}  // namespace sluice
