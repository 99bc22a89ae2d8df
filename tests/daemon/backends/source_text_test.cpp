#include "daemon/backends/opencl/source_text.h"

#include <catch2/catch.hpp>

namespace sluice::backend::opencl {
namespace {

// The tokens with one blank between them, a "|" before each that starts a line.
std::string read(const std::string& text) {
  const SourceText source(text);
  std::string row;
  for (const Token& token : source.tokens())
    row.append(row.empty() ? "" : " ").append(token.starts_line ? "|" : "").append(token.text);
  return row;
}

TEST_CASE("names, numbers and brackets are tokens, comments are none") {
  CHECK(read("int a=b1+0x1fUL;") == "|int a = b1 + 0x1fUL ;");
  CHECK(read("a/*get_group_id\n*/b//c\nd") == "|a b |d");
  CHECK(read("1e+5f .5 a.b x->y") == "|1e+5f .5 a . b x - > y");
  CHECK(read("") == "");
}

TEST_CASE("what is quoted is one token, and a quote without a second one ends with its line") {
  CHECK(read("f(\"a // b\", '\"', \"\\\"c\")") == "|f ( \"a // b\" , '\"' , \"\\\"c\" )");
  CHECK(read("#error don't\nx") == "|# error don 't |x");
}

TEST_CASE("a line that goes on is one line, and a name may be cut by its end") {
  CHECK(read("#define a \\\n b") == "|# define a b");
  CHECK(read("get_\\\ngroup\\ \r\n_id") == "|get_group_id");
}

TEST_CASE("digraphs read as what they stand for") {
  CHECK(read("%:define a(b) <% b%:%:c %>") == "|# define a ( b ) { b ## c }");
}

TEST_CASE("what is included is one token") {
  CHECK(read("#include <a/b.h> // c") == "|# include <a/b.h>");
  CHECK(read("#  include \"a//b.h\"\nx") == "|# include \"a//b.h\" |x");
  CHECK(read("#include M(D/a.h) /* b */\n") == "|# include M(D/a.h) ");
  CHECK(read("include <a>") == "|include < a >");
}

TEST_CASE("a text is not understood where a name may hide") {
  CHECK(SourceText("a ?? b : c").understood());
  CHECK_FALSE(SourceText("?\?=define a").understood());
  CHECK_FALSE(SourceText("g\\u0065t").understood());
  CHECK_FALSE(SourceText("a /* b").understood());
}

}  // namespace
}  // namespace sluice::backend::opencl
