// WorkerLog: what a worker's process writes to its stdout and stderr, as lines of the daemon's log.
//
// A worker holds the write end of a pipe, and nothing of the daemon's log. What comes out of the pipe is hostile: a
// line is cut to line_bytes_max and made printable, and the daemon writes it behind its own prefix and the worker's
// number, so that no line of a worker can pass for one of the daemon's. In each window a worker may write as many lines
// as its quota has, and all workers together as many as theirs; the rest is counted. A worker that keeps the daemon
// reading is not read until its window ends; then its pipe is full, and its writes fail without blocking it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/server/runtime/event_loop.h"

namespace sluice::server {

struct WorkerPipe {
  UniqueFd read_end, write_end;  // neither blocks
};
Result<WorkerPipe> make_worker_pipe();

// So many lines in each window. Pure: the clock is handed in.
class LineQuota {
 public:
  LineQuota(std::uint32_t lines_max, Nanoseconds window_ns) : lines_max_(lines_max), window_ns_(window_ns) {}
  bool take(Nanoseconds now);
  Nanoseconds window_end() const { return started_ns_ + window_ns_; }

 private:
  std::uint32_t lines_max_;
  Nanoseconds window_ns_;
  Nanoseconds started_ns_ = 0;
  std::uint32_t lines_ = 0;
};

// A byte stream as lines fit for a log. Pure.
class LogLines {
 public:
  static constexpr std::size_t line_bytes_max = 512;
  using Line = std::function<void(log::Level level, const std::string& text)>;

  // Calls `line` for each line that `bytes` ends. A worker's own log says a level in front of its text; other lines,
  // such as a driver's, are warnings.
  void take(std::string_view bytes, const Line& line);
  // The last line, if nothing has ended it.
  void finish(const Line& line);

 private:
  std::string rest_;
};

class WorkerLog {
 public:
  static constexpr std::uint32_t lines_per_window = 100, lines_of_all_per_window = 500;
  static constexpr std::uint32_t reads_per_window = 64;
  static constexpr std::size_t read_bytes = 4096;
  static constexpr Nanoseconds window_ns = 10 * ns_per_s;

  // REQUIRES: the loop and the quota, which all workers share, outlive the log.
  WorkerLog(EventLoop& loop, LineQuota& of_all, LogLines::Line write)
      : loop_(loop), of_all_(of_all), write_(std::move(write)) {}
  ~WorkerLog() { finish(); }
  WorkerLog(const WorkerLog&) = delete;
  WorkerLog& operator=(const WorkerLog&) = delete;

  // Reads from the pipe from now on.
  Status open(UniqueFd read_end);
  // The worker's process has ended: passes on what is left in the pipe, and closes it.
  void finish();

 private:
  enum class More { yes, not_now, never };

  Status watch();
  void readable();
  More read_some(Nanoseconds now);
  void pass_on(log::Level level, const std::string& text, Nanoseconds now);
  void tell_left_out();
  void close();
  void pause();

  EventLoop& loop_;
  LineQuota& of_all_;
  LogLines::Line write_;
  UniqueFd fd_;
  Watch watch_;
  Timer resume_;
  LogLines lines_;
  LineQuota quota_{lines_per_window, window_ns};
  LineQuota reads_{reads_per_window, window_ns};
  std::uint64_t left_out_ = 0;
};

// Writes to the daemon's log, behind the worker's number.
LogLines::Line line_of_worker(std::uint32_t number);

}  // namespace sluice::server
