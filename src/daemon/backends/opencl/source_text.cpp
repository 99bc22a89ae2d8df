#include "daemon/backends/opencl/source_text.h"

#include <algorithm>
#include <utility>

namespace sluice::backend::opencl {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) > 127;
}
bool continues_name(char c) { return starts_name(c) || is_digit(c); }

bool has_trigraphs(std::string_view text) {
  for (std::size_t at = text.find("??"); at != std::string_view::npos; at = text.find("??", at + 1))
    if (at + 2 < text.size() && std::string_view("=/'()!<>-").find(text[at + 2]) != std::string_view::npos) return true;
  return false;
}

// Without backslashes at the ends of lines; blanks may stand between the two, as compilers allow.
std::string spliced(std::string_view text) {
  std::string whole;
  whole.reserve(text.size() + 1);
  for (;;) {
    const std::size_t slash = text.find('\\');
    whole.append(text.substr(0, slash));
    if (slash == std::string_view::npos) return whole;
    std::size_t end = slash + 1;
    while (end < text.size() && is_blank(text[end])) ++end;
    const bool continued = end < text.size() && text[end] == '\n';
    if (!continued) whole.push_back('\\');
    text.remove_prefix(continued ? end + 1 : slash + 1);
  }
}

class Lexer {
 public:
  Lexer(std::string_view text, std::vector<Token>& tokens) : text_(text), tokens_(tokens) {}

  // False: see SourceText::understood.
  bool run() {
    for (skip_space(); at_ < text_.size(); skip_space()) take_token();
    return understood_;
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void skip_space() {
    while (at_ < text_.size()) {
      if (peek() == '\n') {
        starts_line_ = true;
        ++at_;
      } else if (is_blank(peek())) {
        ++at_;
      } else if (!skip_comment()) {
        return;
      }
    }
  }

  bool skip_comment() {
    if (peek() != '/') return false;
    if (peek(1) == '/') {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return true;
    }
    if (peek(1) != '*') return false;
    const std::size_t end = text_.find("*/", at_ + 2);
    understood_ &= end != std::string_view::npos;
    at_ = end == std::string_view::npos ? text_.size() : end + 2;
    return true;
  }

  void take_token() {
    const char c = peek();
    if (starts_name(c)) {
      take_name();
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      take(number_bytes(), TokenKind::number);
    } else if (c == '"' || c == '\'') {
      take(quoted_bytes(c), TokenKind::quoted);
    } else {
      take_punctuation(c);
    }
  }

  void take(std::size_t bytes, TokenKind kind) { take(text_.substr(at_, bytes), bytes, kind); }

  void take(std::string_view reads_as, std::size_t bytes, TokenKind kind) {
    tokens_.push_back({reads_as, kind, std::exchange(starts_line_, false)});
    at_ += bytes;
  }

  void take_name() {
    std::size_t bytes = 1;
    while (continues_name(peek(bytes))) ++bytes;
    const bool is_directive = !tokens_.empty() && tokens_.back().starts_line && tokens_.back().is("#") && !starts_line_;
    take(bytes, TokenKind::identifier);
    if (is_directive && tokens_.back().text.starts_with("include")) take_included();
  }

  void take_included() {
    const std::size_t start = std::min(text_.find_first_not_of(" \t", at_), text_.size());
    const std::size_t line_end = std::min(text_.find('\n', start), text_.size());
    const bool quoted = start < line_end && (text_[start] == '"' || text_[start] == '<');
    // A computed name ends where a comment begins; "//" in one between quotes is a part of it.
    std::size_t end = quoted ? text_.find(text_[start] == '<' ? '>' : '"', start + 1) : text_.find("//", start);
    end = quoted && end < line_end ? end + 1 : std::min(end, line_end);
    end = quoted ? end : std::min(end, text_.find("/*", start));
    at_ = start;
    take(end - start, TokenKind::included);
  }

  std::size_t number_bytes() const {
    std::size_t bytes = 1;
    for (char before = peek(); continues_name(peek(bytes)) || peek(bytes) == '.' ||
                               ((peek(bytes) == '+' || peek(bytes) == '-') &&
                                std::string_view("eEpP").find(before) != std::string_view::npos);
         before = peek(bytes++)) {
    }
    return bytes;
  }

  // An apostrophe without a second one, as in the text of an #error, ends with its line.
  std::size_t quoted_bytes(char quote) const {
    std::size_t bytes = 1;
    while (at_ + bytes < text_.size() && peek(bytes) != '\n') {
      if (peek(bytes) == quote) return bytes + 1;
      bytes += peek(bytes) == '\\' && peek(bytes + 1) != '\n' ? 2 : 1;
    }
    return std::min(bytes, text_.size() - at_);
  }

  void take_punctuation(char c) {
    struct Digraph {
      std::string_view text, reads_as;
    };
    static constexpr Digraph digraphs[] = {{"%:%:", "##"}, {"##", "##"}, {"%:", "#"}, {"<%", "{"},
                                           {"%>", "}"},    {"<:", "["},  {":>", "]"}};
    understood_ &= c != '\\';
    for (const Digraph& digraph : digraphs)
      if (text_.substr(at_).starts_with(digraph.text))
        return take(digraph.reads_as, digraph.text.size(), TokenKind::other);
    take(1, TokenKind::other);
  }

  std::string_view text_;
  std::vector<Token>& tokens_;
  std::size_t at_ = 0;
  bool starts_line_ = true, understood_ = true;
};

}  // namespace

SourceText::SourceText(std::string_view text) : text_(spliced(text)) {
  tokens_.reserve(text_.size() / 4);
  understood_ = Lexer(text_, tokens_).run() && !has_trigraphs(text);
}

}  // namespace sluice::backend::opencl
