// The threads of PoCL's plugins spin politely before they sleep (wire/transport/futex.h).
//
// PoCL 3.1 wakes all of them for every command, and each that finds nothing sleeps again. Natively a program's threads
// hand it commands faster than it is through with them. Here one thread hands them over, is interrupted by those that
// it wakes, and comes back when they sleep again: measured with 32 threads of a program on two cores, five sleeps and
// wakes a command instead of one, and 0.75 s instead of 0.30 s. So pthread_cond_wait spins first where a plugin calls
// it. Nothing is changed for other callers.
#pragma once

#include <atomic>

namespace sluice::backend::opencl {

// Spins pay only while `pays` is true. Until this is called they do. Thread-safe.
void follow_spinning(const std::atomic<bool>& pays);

}  // namespace sluice::backend::opencl
