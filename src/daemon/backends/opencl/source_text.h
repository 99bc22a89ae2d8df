// SourceText: OpenCL C as a row of tokens, before its preprocessor has run.
//
// Comments and line continuations are gone. Digraphs read as what they stand for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::backend::opencl {

enum class TokenKind : std::uint8_t {
  identifier,  // keywords and directives' names, too
  number,
  quoted,    // a string or a character, with its quotes
  included,  // what follows `#include`, up to the line's end
  other,     // `##` is one; otherwise one character
};

struct Token {
  std::string_view text;
  TokenKind kind = TokenKind::other;
  bool starts_line = false;

  bool is(std::string_view other) const { return text == other; }
};

class SourceText {
 public:
  explicit SourceText(std::string_view text);
  SourceText(const SourceText&) = delete;
  SourceText& operator=(const SourceText&) = delete;

  const std::vector<Token>& tokens() const { return tokens_; }
  // False: it has trigraphs, escapes in names, or a comment without end, so that identifiers may have been missed.
  bool understood() const { return understood_; }

 private:
  std::string text_;  // what the tokens point into
  std::vector<Token> tokens_;
  bool understood_ = true;
};

// Calls `use` with each directive of the text (its tokens after the '#') and `other` with each token outside of them.
template <typename Use, typename Other>
void each_line(const std::vector<Token>& tokens, Use use, Other other) {
  for (std::size_t at = 0; at < tokens.size();) {
    if (!tokens[at].starts_line || !tokens[at].is("#")) {
      other(tokens[at++]);
      continue;
    }
    std::size_t end = at + 1;
    while (end < tokens.size() && !tokens[end].starts_line) ++end;
    use(std::vector<Token>(tokens.begin() + static_cast<long>(at) + 1, tokens.begin() + static_cast<long>(end)));
    at = end;
  }
}

}  // namespace sluice::backend::opencl
