// Status and Result: how functions inside Sluice report failure.
//
// No exception crosses a module boundary. A Status carries a code that a caller can branch on and a sentence that a
// person can act on. The codes are neutral; each API front end translates them into its own error numbers.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/contract.h"

namespace sluice {

enum class Code : int {
  ok = 0,
  invalid_argument,   // the caller broke a documented requirement
  not_found,          // the named thing does not exist
  permission_denied,  // the peer may not do this
  quota_exceeded,     // a slice's own limit was reached; nothing is wrong with the pool
  exhausted,          // the pool or the device has no room left
  unavailable,        // the other side is not there (no daemon, device lost)
  deadline_exceeded,  // waited for as long as was allowed
  protocol_fault,     // the peer broke the wire protocol; its session is over
  unsupported,        // known, and not offered by this device
  internal,           // a system call or a driver failed in a way nobody planned for
};

// A short, stable word for a code: "quota_exceeded". Never null.
std::string_view code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::ok; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  // "quota_exceeded: tenant alice holds 2 GiB of 2 GiB".
  std::string to_string() const;

 private:
  Code code_ = Code::ok;
  std::string message_;
};

// A Status made from errno: "internal: cannot open /run/x: Permission denied".
Status errno_status(std::string_view doing_what, int error_number);

// A value, or the Status that says why there is none.
// REQUIRES: value() and take() are called only where ok(); a Result that is made from a Status is made from a failure.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}        // NOLINT(google-explicit-constructor)
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {  // NOLINT(google-explicit-constructor)
    SLUICE_REQUIRE(!std::get_if<1>(&state_)->ok());
  }

  bool ok() const { return state_.index() == 0; }
  T& value() {
    SLUICE_REQUIRE(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    SLUICE_REQUIRE(ok());
    return *std::get_if<0>(&state_);
  }
  T take() { return std::move(value()); }
  // Ok where there is a value.
  Status status() const { return ok() ? Status() : *std::get_if<1>(&state_); }

 private:
  std::variant<T, Status> state_;
};

namespace status_detail {
inline void take(const Status&) {}
template <typename T>
T take(Result<T>& result) {
  return result.take();
}
inline Status status_of(Status& status) { return std::move(status); }
template <typename T>
Status status_of(const Result<T>& result) {
  return result.status();
}
}  // namespace status_detail

}  // namespace sluice

// Passes a failure on to the caller, and is the value otherwise:
//
//   SLUICE_TRY(file.lock());                        // a Status
//   const UniqueFd fd = SLUICE_TRY(open_file(path));  // a Result
//
// For functions that return a Status or a Result. Commas in the expression are fine, another SLUICE_TRY in it is not. A
// statement expression: GCC's and Clang's.
#define SLUICE_TRY(...)                                                                  \
  __extension__({                                                                        \
    auto sluice_outcome = (__VA_ARGS__);                                                 \
    if (!sluice_outcome.ok()) return ::sluice::status_detail::status_of(sluice_outcome); \
    ::sluice::status_detail::take(sluice_outcome);                                       \
  })
