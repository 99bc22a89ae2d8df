#include "daemon/server/sessions/session_ids.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "daemon/server/runtime/files.h"

namespace sluice::server {
namespace {

constexpr std::uint64_t block = 64;
constexpr std::size_t file_bytes_max = 32;

}  // namespace

SessionIds::SessionIds(std::string path) : path_(std::move(path)) {
  const auto text = read_own_file(path_, file_bytes_max);
  if (text.ok()) (void)std::from_chars(text.value().data(), text.value().data() + text.value().size(), next_);
  set_aside_ = next_;
}

std::uint64_t SessionIds::next() {
  if (next_ >= set_aside_) {
    set_aside_ = next_ + block;
    const std::string text = std::to_string(set_aside_) + "\n";
    if (Status written = write_own_file(path_, text); !written.ok())
      log::warn("session numbers may be used again after a restart: {}", written.message());
  }
  return next_++;
}

void SessionIds::skip(std::uint64_t used) { next_ = std::max(next_, used + 1); }

}  // namespace sluice::server
