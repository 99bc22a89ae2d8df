#include "base/log.h"

#include <fcntl.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/contract.h"

namespace sluice::log {
namespace {

using Sink = spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex>;

std::FILE* log_file = stderr;
bool configured = false;

// On a descriptor of its own: a worker lends its standard error to the program that it serves.
std::FILE* open_log() {
  std::FILE* file = fdopen(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "w");
  log_file = file != nullptr ? file : stderr;
  return log_file;
}

Status set_up(const std::string& level, const std::string& who, const char* pattern) {
  if (level != "debug" && level != "info" && level != "warn" && level != "error")
    return Status(Code::invalid_argument, "unknown log level '" + level + "' (debug, info, warn or error)");
  auto logger = std::make_shared<spdlog::logger>(who, std::make_shared<Sink>(open_log()));
  logger->set_level(spdlog::level::from_str(level));
  logger->set_pattern(pattern);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  configured = true;
  return Status();
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: break;
  }
  return spdlog::level::err;
}

}  // namespace

Status configure(const std::string& level, const std::string& who) {
  const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  return set_up(level, who, journal ? "%n: %l: %v" : "%Y-%m-%dT%H:%M:%S.%e %n: %l: %v");
}

Status configure_for_daemon(const std::string& level) { return set_up(level, "worker", "%l: %v"); }

void redirect(int fd) {
  SLUICE_REQUIRE(configured);
  (void)dup3(fd, fileno(log_file), O_CLOEXEC);
}

void write(Level level, fmt::string_view format, fmt::format_args arguments) {
  const spdlog::level::level_enum wanted = to_spdlog(level);
  if (spdlog::should_log(wanted)) spdlog::log(wanted, "{}", fmt::vformat(format, arguments));
}

}  // namespace sluice::log
