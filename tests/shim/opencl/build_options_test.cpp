#include "shim/opencl/build_options.h"

#include <catch2/catch.hpp>

namespace sluice::opencl {
namespace {

TEST_CASE("an option counts only as a word of its own") {
  CHECK(has_option("-I x -cl-kernel-arg-info", "-cl-kernel-arg-info"));
  CHECK(has_option("-cl-kernel-arg-info\t-DX", "-cl-kernel-arg-info"));
  CHECK_FALSE(has_option("-cl-kernel-arg-information", "-cl-kernel-arg-info"));
  CHECK_FALSE(has_option("", "-cl-kernel-arg-info"));
  CHECK_FALSE(has_option("   ", "-cl-kernel-arg-info"));
}

TEST_CASE("uneven work-groups are for OpenCL C 2.0 and later, unless the options forbid them") {
  CHECK(allows_uneven_groups("-cl-std=CL2.0"));
  CHECK(allows_uneven_groups("-O3 -cl-std=CL3.0 -w"));
  CHECK_FALSE(allows_uneven_groups(""));
  CHECK_FALSE(allows_uneven_groups("-cl-std=CL1.2"));
  CHECK_FALSE(allows_uneven_groups("-cl-std=CL"));
  CHECK_FALSE(allows_uneven_groups("-cl-std=CL2.0 -cl-uniform-work-group-size"));
}

TEST_CASE("folders of headers are named in full") {
  const auto absolute = [](const char* options) { return with_absolute_folders(options, "/home/me"); };
  CHECK(absolute("-I include -DX=1") == "-I /home/me/include -DX=1");
  CHECK(absolute("-Iinclude  -I ../more -w") == "-I/home/me/include  -I /home/me/../more -w");
  CHECK(absolute("-I \"a\" -I/usr/x -I /usr/y") == "-I \"/home/me/a\" -I/usr/x -I /usr/y");
  CHECK(absolute("-DI=include -cl-std=CL2.0 -I") == "-DI=include -cl-std=CL2.0 -I");
  CHECK(absolute("") == "");
  CHECK(with_absolute_folders("-I a", "/with blank") == "-I a");
  CHECK(with_absolute_folders("-I a", "") == "-I a");
}

TEST_CASE("the folders of headers are read off the options") {
  using Folders = std::vector<std::string>;
  CHECK(include_folders("-I /a -DX -I/b -w -I \"c\"") == Folders{"/a", "/b", "c"});
  CHECK(include_folders("-DI=/a -cl-std=CL2.0 -I").empty());
}

}  // namespace
}  // namespace sluice::opencl
