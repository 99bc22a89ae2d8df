#include "daemon/store/token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace sluice::store {
namespace {

constexpr std::string_view prefix = "slt1-";
constexpr std::size_t id_digits = 16, secret_digits = 64;
constexpr std::size_t id_at = prefix.size(), secret_at = id_at + id_digits + 1;
constexpr std::size_t text_bytes = secret_at + secret_digits;

template <std::size_t Bytes>
std::string hex(const std::array<unsigned char, Bytes>& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) text.append({digits[byte >> 4], digits[byte & 15]});
  return text;
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Result<Token> make_token() {
  std::array<unsigned char, id_digits / 2> id;
  std::array<unsigned char, secret_digits / 2> secret;
  if (RAND_bytes(id.data(), id.size()) != 1 || RAND_priv_bytes(secret.data(), secret.size()) != 1)
    return Status(Code::internal, "the system has no random numbers to make a token of");
  return Token{hex(id), hex(secret)};
}

std::string token_text(const Token& token) { return std::string(prefix) + token.id + "-" + token.secret; }

std::optional<Token> parse_token(std::string_view text) {
  if (text.size() != text_bytes || !text.starts_with(prefix) || text[secret_at - 1] != '-') return std::nullopt;
  const std::string_view id = text.substr(id_at, id_digits), secret = text.substr(secret_at);
  if (!is_hex(id) || !is_hex(secret)) return std::nullopt;
  return Token{std::string(id), std::string(secret)};
}

std::string hash_of(const Token& token) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.secret.data()), token.secret.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

bool opens(const Token& token, const std::string& hash) {
  const std::string own = hash_of(token);
  return hash.size() == own.size() && CRYPTO_memcmp(own.data(), hash.data(), own.size()) == 0;
}

}  // namespace sluice::store
