// The session's own threads: detached, because nothing waits for them, and deaf to signals, which are for the program's
// threads.
#pragma once

#include <cstddef>

#include "base/status.h"

namespace sluice::shim {

// Runs entry(argument) on a new thread. stack_bytes: at least, where a program's thread-local storage leaves so few;
// 0: the system's default.
Status start_detached_thread(void* (*entry)(void*), void* argument, std::size_t stack_bytes = 0);

}  // namespace sluice::shim
