// RefusalLog: refusals go to the log, but a program that asks in a loop cannot flood it.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace sluice::server {

class RefusalLog {
 public:
  static constexpr std::uint32_t lines_per_window = 20;
  static constexpr Nanoseconds window_ns = 10 * ns_per_s;

  void write(const std::string& line, Nanoseconds now);
  std::uint64_t left_out() const { return left_out_; }  // since the last line

 private:
  Nanoseconds window_started_ns_ = 0;
  std::uint32_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace sluice::server
