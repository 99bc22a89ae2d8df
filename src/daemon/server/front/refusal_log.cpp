#include "daemon/server/front/refusal_log.h"

#include "base/log.h"

namespace sluice::server {

void RefusalLog::write(const std::string& line, Nanoseconds now) {
  if (now - window_started_ns_ >= window_ns) {
    if (left_out_ > 0) log::warn("{} more refusals were not logged", left_out_);
    window_started_ns_ = now;
    lines_ = 0;
    left_out_ = 0;
  }
  if (++lines_ > lines_per_window) {
    ++left_out_;
    return;
  }
  log::warn("{}", line);
}

}  // namespace sluice::server
