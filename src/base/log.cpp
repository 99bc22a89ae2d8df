#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <cstdlib>

namespace sluice::log {

Status configure(const std::string& level, const std::string& who) {
  const auto parsed = spdlog::level::from_str(level == "warn" ? "warning" : level);
  if (parsed == spdlog::level::off)
    return Status(Code::invalid_argument, "unknown log level '" + level + "' (debug, info, warn or error)");
  auto logger = std::make_shared<spdlog::logger>(who, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(parsed);
  const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  logger->set_pattern(journal ? "%n: %l: %v" : "%Y-%m-%dT%H:%M:%S.%e %n: %l: %v");
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  return Status();
}

}  // namespace sluice::log
