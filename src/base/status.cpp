#include "base/status.h"

#include <cerrno>
#include <cstring>

namespace sluice {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid_argument";
    case Code::not_found: return "not_found";
    case Code::permission_denied: return "permission_denied";
    case Code::quota_exceeded: return "quota_exceeded";
    case Code::exhausted: return "exhausted";
    case Code::unavailable: return "unavailable";
    case Code::deadline_exceeded: return "deadline_exceeded";
    case Code::protocol_fault: return "protocol_fault";
    case Code::unsupported: return "unsupported";
    case Code::internal: return "internal";
  }
  return "unknown";
}

std::string Status::to_string() const {
  std::string text(code_name(code_));
  if (!message_.empty()) text.append(": ").append(message_);
  return text;
}

Status errno_status(std::string_view doing_what, int error_number) {
  Code code = Code::internal;
  if (error_number == EACCES || error_number == EPERM) code = Code::permission_denied;
  if (error_number == ENOENT) code = Code::not_found;
  if (error_number == ECONNREFUSED || error_number == EPIPE || error_number == ECONNRESET) code = Code::unavailable;
  char buffer[128];
  std::string text = "cannot ";
  text.append(doing_what).append(": ").append(strerror_r(error_number, buffer, sizeof buffer));
  return Status(code, std::move(text));
}

}  // namespace sluice
