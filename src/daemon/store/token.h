// Tokens: how a program shows that it may use a tenant where the kernel's word about it cannot say so.
//
// "slt1-ID-SECRET": the id, public, names the row of the registry; the secret is 256 random bits, of which the registry
// keeps the SHA-256 hash alone. A secret of full entropy needs no slow hash.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice::store {

struct Token {
  std::string id;      // 16 hex digits
  std::string secret;  // 64 hex digits
};

// internal: the system has no randomness to give.
Result<Token> make_token();
std::string token_text(const Token& token);
// Nothing: that is no token.
std::optional<Token> parse_token(std::string_view text);

std::string hash_of(const Token& token);
// In a time that does not depend on where they differ.
bool opens(const Token& token, const std::string& hash);

}  // namespace sluice::store
