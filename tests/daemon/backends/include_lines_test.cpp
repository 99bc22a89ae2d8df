#include "daemon/backends/opencl/include_lines.h"

#include <catch2/catch.hpp>

namespace sluice::backend::opencl {
namespace {

const std::vector<wire::BuildHeader> headers{{"one.h", ""}, {"sub/two.h", ""}};

TEST_CASE("known names between angle brackets are quoted, wherever the line has blanks") {
  CHECK(quote_includes("#include <one.h>", headers) == "#include \"one.h\"");
  CHECK(quote_includes("a\n \t# include\t<sub/two.h> // b\nc\n", headers) ==
        "a\n \t# include\t\"sub/two.h\" // b\nc\n");
  CHECK(quote_includes("#include<one.h>\n#include <one.h>", headers) == "#include\"one.h\"\n#include \"one.h\"");
}

TEST_CASE("every other text stays as it is") {
  for (const char* text : {"", "\n\n", "#include <three.h>", "#include \"one.h\"", "#include <one.h", "#include <>",
                           "// #include <one.h>", "a < one.h > b", "#includes <one.h>", "#"})
    CHECK(quote_includes(text, headers) == text);
}

}  // namespace
}  // namespace sluice::backend::opencl
