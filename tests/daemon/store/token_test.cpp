#include "daemon/store/token.h"

#include <catch2/catch.hpp>

using namespace sluice::store;

TEST_CASE("a token opens its own hash and no other") {
  const Token token = make_token().take(), other = make_token().take();
  CHECK(token_text(token) != token_text(other));
  CHECK(opens(token, hash_of(token)));
  CHECK_FALSE(opens(other, hash_of(token)));
  CHECK_FALSE(opens(token, ""));
  CHECK(hash_of(token).find(token.secret) == std::string::npos);
}

TEST_CASE("a token is read as it was written") {
  const Token token = make_token().take();
  const auto read = parse_token(token_text(token));
  REQUIRE(read);
  CHECK(read->id == token.id);
  CHECK(read->secret == token.secret);
  CHECK(token.secret.size() == 64);
}

TEST_CASE("what is not exactly a token is none") {
  const std::string text = token_text(make_token().take());
  for (std::size_t length = 0; length < text.size(); ++length) CHECK_FALSE(parse_token(text.substr(0, length)));
  CHECK_FALSE(parse_token(text + "0"));
  CHECK_FALSE(parse_token(" " + text.substr(1)));
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = 'x';
    CHECK_FALSE(parse_token(changed));
  }
}
