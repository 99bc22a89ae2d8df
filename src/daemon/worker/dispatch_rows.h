// The rows of the dispatcher's table.
#pragma once

#include <cstdint>

#include "daemon/worker/dispatch.h"

namespace sluice::worker {

// How long a command may be: exactly its struct, or the struct and what trails it.
enum class Length : std::uint8_t { fixed, trailed };

struct Dispatcher::Row {
  Status (Dispatcher::*handler)(Bytes) = nullptr;
  std::uint32_t bytes = 0;
  Length length = Length::fixed;
};

}  // namespace sluice::worker
