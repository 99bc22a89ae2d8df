#include "daemon/server/workers/worker_log.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace sluice::server {
namespace {

constexpr int reads_at_end_max = 16;  // as much as a pipe holds by default

constexpr std::array<std::pair<std::string_view, log::Level>, 5> level_names{{
    {"debug: ", log::Level::debug},
    {"info: ", log::Level::info},
    {"warning: ", log::Level::warn},
    {"error: ", log::Level::error},
    {"critical: ", log::Level::error},
}};

void emit(std::string& text, const LogLines::Line& line) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  const auto* named = std::find_if(level_names.begin(), level_names.end(),
                                   [&text](const auto& entry) { return text.starts_with(entry.first); });
  if (named == level_names.end()) line(log::Level::warn, text);
  else line(named->second, text.substr(named->first.size()));
  text.clear();
}

}  // namespace

Result<WorkerPipe> make_worker_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno_status("make a pipe for a worker's log", errno);
  return WorkerPipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool LineQuota::take(Nanoseconds now) {
  if (now - started_ns_ >= window_ns_) {
    started_ns_ = now;
    lines_ = 0;
  }
  if (lines_ >= lines_max_) return false;
  ++lines_;
  return true;
}

void LogLines::take(std::string_view bytes, const Line& line) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    rest_.append(part.substr(0, line_bytes_max - std::min(rest_.size(), line_bytes_max)));
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (!rest_.empty()) emit(rest_, line);
  }
}

void LogLines::finish(const Line& line) {
  if (!rest_.empty()) emit(rest_, line);
}

Status WorkerLog::open(UniqueFd read_end) {
  fd_ = std::move(read_end);
  return watch();
}

Status WorkerLog::watch() {
  watch_ = SLUICE_TRY(loop_.watch(fd_.get(), EPOLLIN, [this](std::uint32_t) { readable(); }));
  return Status();
}

void WorkerLog::readable() {
  const Nanoseconds now = now_ns();
  if (!reads_.take(now)) return pause();
  if (read_some(now) == More::never) close();
}

WorkerLog::More WorkerLog::read_some(Nanoseconds now) {
  std::array<char, read_bytes> room;
  const ssize_t count = read(fd_.get(), room.data(), room.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return More::not_now;
  if (count <= 0) return More::never;
  lines_.take({room.data(), static_cast<std::size_t>(count)},
              [this, now](log::Level level, const std::string& text) { pass_on(level, text, now); });
  return More::yes;
}

void WorkerLog::pass_on(log::Level level, const std::string& text, Nanoseconds now) {
  if (!quota_.take(now) || !of_all_.take(now)) {
    ++left_out_;
    return;
  }
  tell_left_out();
  write_(level, text);
}

void WorkerLog::tell_left_out() {
  if (left_out_ > 0) write_(log::Level::warn, std::to_string(std::exchange(left_out_, 0)) + " lines were left out");
}

// Until the window ends. Without a watch the loop does not look at the pipe at all.
void WorkerLog::pause() {
  watch_.reset();
  resume_ = loop_.at(reads_.window_end(), [this] {
    if (!watch().ok()) close();
  });
}

void WorkerLog::finish() {
  if (!fd_.valid()) return;
  const Nanoseconds now = now_ns();
  for (int i = 0; i < reads_at_end_max && read_some(now) == More::yes; ++i) {
  }
  close();
}

void WorkerLog::close() {
  lines_.finish([this](log::Level level, const std::string& text) { pass_on(level, text, now_ns()); });
  tell_left_out();
  watch_.reset();
  resume_.reset();
  fd_.reset();
}

LogLines::Line line_of_worker(std::uint32_t number) {
  return [number](log::Level level, const std::string& text) {
    log::write(level, "worker {}: {}", fmt::make_format_args(number, text));
  };
}

}  // namespace sluice::server
