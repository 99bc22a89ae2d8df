#include "base/contract.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace sluice {
namespace {

iovec piece(const char* text) { return {const_cast<char*>(text), std::strlen(text)}; }

}  // namespace

void contract_broken(const char* kind, const char* condition, const char* file, int line) noexcept {
  char digits[12] = {};
  char* number = digits + sizeof digits - 1;
  do *--number = static_cast<char>('0' + line % 10);
  while ((line /= 10) > 0);
  const iovec pieces[] = {piece(file),           piece(":"),       piece(number), piece(": "), piece(kind),
                          piece(" is broken: "), piece(condition), piece("\n")};
  (void)!writev(STDERR_FILENO, pieces, sizeof pieces / sizeof *pieces);
  std::abort();
}

}  // namespace sluice
