// What kernels print goes to the worker's stdout, which is the program's as it was when it joined. A program that has
// redirected it since (freopen, dup2) has its new one sent to the worker before the next kernel that may print.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "shim/session.h"

namespace sluice::shim {
namespace {

constexpr Nanoseconds send_ns_max = ns_per_s;
// A worker may itself be waiting, for whoever reads what was printed before: then the launch goes on without its word.
constexpr Nanoseconds answer_ns_max = 2 * ns_per_s;

bool look_at(int fd, OutputPlace& place, bool& has_position) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return false;
  place = {info.st_dev, info.st_ino};
  has_position = S_ISREG(info.st_mode);
  return true;
}

}  // namespace

OutputPlace OutputPlace::now() {
  OutputPlace place;
  bool has_position = false;
  look_at(STDOUT_FILENO, place, has_position);
  return place;
}

void Session::follow_output(bool surely) {
  if (lost()) return;
  std::lock_guard lock(output_mutex_);
  OutputPlace place;
  bool has_position = false;
  if (!look_at(STDOUT_FILENO, place, has_position)) return;
  // That a file was opened anew shows in nothing: it is sent each time, which costs two wake-ups.
  if (place == output_ && !(surely && has_position)) return;
  const wire::OutputNotice notice{wire::handshake_magic, ++output_notices_};
  const int fd = STDOUT_FILENO;
  if (!link_.send(std::as_bytes(std::span(&notice, 1)), std::span(&fd, 1), now_ns() + send_ns_max).ok()) return;
  output_ = place;
  const Nanoseconds deadline_ns = now_ns() + answer_ns_max;
  while (!lost() && now_ns() < deadline_ns) {
    const std::uint32_t followed = output_followed_.load(std::memory_order_acquire);  // pairs with hear_worker
    if (followed == notice.number) return;
    wire::futex_wait(output_followed_, followed, deadline_ns);
  }
}

bool Session::hear_worker() {
  const auto message = link_.receive(now_ns());
  wire::OutputNotice notice;
  if (!message.ok() || message.value().bytes.size() != sizeof notice) return false;
  std::memcpy(&notice, message.value().bytes.data(), sizeof notice);
  output_followed_.store(notice.number, std::memory_order_release);
  wire::futex_wake_all(output_followed_);
  return true;
}

}  // namespace sluice::shim
