// The log of daemon and worker: one line per event, through spdlog, to stderr.
//
// Under systemd the journal adds the time; elsewhere the line carries it. The shim never logs: it lives in other
// people's programs. Format strings are fmt's. Thread-safe.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

#include "base/status.h"

namespace sluice::log {

// level: "debug", "info", "warn" or "error". `who` stands in front of each line: "sluiced", "worker 7".
Status configure(const std::string& level, const std::string& who);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::debug(format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::info(format, std::forward<Args>(args)...);
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::warn(format, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::error(format, std::forward<Args>(args)...);
}

}  // namespace sluice::log
