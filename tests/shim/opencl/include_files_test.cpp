#include "shim/opencl/include_files.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace sluice::opencl {
namespace {

class Folder {
 public:
  Folder() {
    char path[] = "/tmp/sluice-include-test-XXXXXX";
    REQUIRE(mkdtemp(path) != nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path_ + '/' + name).parent_path());
    std::ofstream(path_ + '/' + name) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::map<std::string, std::string> found(std::string_view source, const std::vector<std::string>& folders) {
  std::map<std::string, std::string> headers;
  for (const wire::BuildHeader& header : find_headers(source, folders)) {
    CHECK_FALSE(headers.contains(header.include_name));
    headers[header.include_name] = header.source;
  }
  return headers;
}

TEST_CASE("headers are found in the folders, the first folder first") {
  Folder first, second;
  first.write("a.h", "one");
  second.write("a.h", "two");
  second.write("b.h", "three");
  const std::map<std::string, std::string> expected = {{"a.h", "one"}, {"b.h", "three"}};
  CHECK(found("#include \"a.h\"\n  #  include <b.h>\n#include <c.h>\n", {first.path(), second.path()}) == expected);
}

TEST_CASE("headers of headers are found, beside them and in the folders") {
  Folder folder;
  folder.write("sub/a.h", "#include \"near.h\"\n#include <far.h>\n#include \"../up.h\"");
  folder.write("sub/near.h", "near");
  folder.write("far.h", "#include \"sub/a.h\"");
  folder.write("up.h", "up");
  const auto headers = found("#include \"sub/a.h\"", {folder.path()});
  CHECK(headers.size() == 4);
  CHECK(headers.at("sub/near.h") == "near");
  CHECK(headers.at("up.h") == "up");
}

TEST_CASE("nothing outside the folders is read") {
  Folder folder;
  folder.write("inner/a.h", "a");
  folder.write("secret.h", "secret");
  const std::vector<std::string> inner = {folder.path() + "/inner"};
  CHECK(found("#include \"../secret.h\"", inner).empty());
  CHECK(found("#include \"x/../../secret.h\"", inner).empty());
  CHECK(found("#include \"a.h\"", {}).empty());
}

TEST_CASE("headers named from the root are found, with or without folders, and named anew") {
  Folder folder;
  const std::string second = folder.path() + "/second.h";
  folder.write("sub/first.h", "#include \"near.h\"\n#include <" + second + ">");
  folder.write("sub/near.h", "near");
  folder.write("second.h", "second");
  const std::string source = "x\n#include \"" + folder.path() + "/./sub/first.h\"\n#include \"/no/such.h\"\ny";
  const auto headers = find_headers(source, {});
  REQUIRE(headers.size() == 3);
  CHECK(headers[0].include_name == ".root" + folder.path() + "/sub/first.h");
  CHECK(headers[0].source == "#include \"near.h\"\n#include <.root" + second + ">");
  CHECK(headers[1].include_name == ".root" + folder.path() + "/sub/near.h");
  CHECK(headers[2].include_name == ".root" + second);
  CHECK(with_names_of(headers, source) ==
        "x\n#include \".root" + folder.path() + "/sub/first.h\"\n#include \"/no/such.h\"\ny");
}

TEST_CASE("what is no header file or no include line is passed over") {
  Folder folder;
  folder.write("a.h", "a");
  folder.write("sub/b.h", "b");
  CHECK(
      found("#include \"sub\"\n#include \"\"\n#include <a.h\n#include \"a.h>\n#includes\n#", {folder.path()}).empty());
  CHECK(found("#include NAME\n#pragma x \"a.h\"\ninclude \"a.h\"", {folder.path()}).empty());
}

TEST_CASE("headers beyond the limit of bytes are left out") {
  Folder folder;
  folder.write("large.h", std::string(header_bytes_max + 1, ' '));
  folder.write("small.h", "small");
  CHECK(found("#include <large.h>\n#include <small.h>", {folder.path()}).size() == 1);
}

TEST_CASE("headers beyond the limit of files are left out") {
  Folder folder;
  std::string source;
  for (std::size_t i = 0; i < header_files_max + 5; ++i) {
    folder.write(std::to_string(i) + ".h", "x");
    source += "#include <" + std::to_string(i) + ".h>\n";
  }
  CHECK(found(source, {folder.path()}).size() == header_files_max);
}

}  // namespace
}  // namespace sluice::opencl
