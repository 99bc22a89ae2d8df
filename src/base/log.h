// The log of daemon and worker: one line per event, through spdlog, to stderr.
//
// Under systemd the journal adds the time; elsewhere the line carries it. The shim never logs: it lives in other
// people's programs. Format strings are fmt's. Thread-safe.
#pragma once

#include <fmt/core.h>

#include <string>

#include "base/status.h"

namespace sluice::log {

// level: "debug", "info", "warn" or "error". `who` stands in front of each line: "sluiced", "worker 7".
Status configure(const std::string& level, const std::string& who);

// For a process whose lines another one writes into its own log: each is its level and its text.
Status configure_for_daemon(const std::string& level);
// Goes on writing there. REQUIRES: configure or configure_for_daemon has been called.
void redirect(int fd);

enum class Level : unsigned char { debug, info, warn, error };

// Writes a line with the arguments in it. Not a template, so that its users compile neither spdlog nor fmt's
// formatting.
void write(Level level, fmt::string_view format, fmt::format_args arguments);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, format, fmt::make_format_args(args...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, format, fmt::make_format_args(args...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warn, format, fmt::make_format_args(args...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, format, fmt::make_format_args(args...));
}

}  // namespace sluice::log
