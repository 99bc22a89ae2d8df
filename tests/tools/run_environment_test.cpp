#include "tools/sluice/run_environment.h"

#include <catch2/catch.hpp>
#include <string_view>

using namespace sluice;
using namespace sluice::cli;

namespace {

const char* empty(const char*) { return nullptr; }

const char* busy(const char* name) {
  if (std::string_view(name) == "LD_PRELOAD") return "/opt/a.so /opt/b.so";
  if (std::string_view(name) == "LD_LIBRARY_PATH") return "/opt/lib:/usr/lib";
  return nullptr;
}

const char* nested(const char* name) {
  if (std::string_view(name) == "LD_PRELOAD") return "/shim/libOpenCL.so.1:/opt/a.so";
  if (std::string_view(name) == "LD_LIBRARY_PATH") return "/shim";
  return nullptr;
}

const RunSettings settings{"/shim", "/run/sluice/tenant.sock", "alice", "250m", "", "/home/a/token"};

}  // namespace

TEST_CASE("a program finds the shim by preload, by library path and as an ICD, and the pool by its socket") {
  const auto environment = run_environment(settings, empty).take();
  CHECK(environment.at("LD_PRELOAD") == "/shim/libOpenCL.so.1");
  CHECK(environment.at("LD_LIBRARY_PATH") == "/shim");
  CHECK(environment.at("OCL_ICD_VENDORS") == "/shim/vendors");
  CHECK(environment.at("SLUICE_SOCKET") == "/run/sluice/tenant.sock");
  CHECK(environment.at("SLUICE_TENANT") == "alice");
  CHECK(environment.at("SLUICE_GPU") == "250m");
  CHECK(environment.at("SLUICE_MEMORY").empty());
  CHECK(environment.at("SLUICE_TOKEN_FILE") == "/home/a/token");
}

TEST_CASE("what was preloaded before stays, behind the shim") {
  const auto environment = run_environment(settings, busy).take();
  CHECK(environment.at("LD_PRELOAD") == "/shim/libOpenCL.so.1:/opt/a.so:/opt/b.so");
  CHECK(environment.at("LD_LIBRARY_PATH") == "/shim:/opt/lib:/usr/lib");
}

TEST_CASE("inside another run the shim is not named twice") {
  const auto environment = run_environment(settings, nested).take();
  CHECK(environment.at("LD_PRELOAD") == "/shim/libOpenCL.so.1:/opt/a.so");
  CHECK(environment.at("LD_LIBRARY_PATH") == "/shim");
}

TEST_CASE("a path that the loader would take apart is refused") {
  for (const char* folder : {"/my shim", "/a:b", "/a;b"}) {
    RunSettings wrong = settings;
    wrong.shim_folder = folder;
    CHECK(run_environment(wrong, empty).status().code() == Code::invalid_argument);
  }
}
