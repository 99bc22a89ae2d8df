// How `sluice` ends: sysexits.h where it has a number, the shell's for programs that cannot be run. Documented in
// --help and sluice(1).
#pragma once

namespace sluice::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_refused = 1;         // the daemon did not do it, and said why; doctor: something is missing
inline constexpr int exit_usage = 64;          // the command line is wrong
inline constexpr int exit_unavailable = 69;    // no daemon answers
inline constexpr int exit_internal = 70;       // the installation is not whole, or the system failed
inline constexpr int exit_protocol = 76;       // the daemon's answer makes no sense
inline constexpr int exit_no_permission = 77;  // not yours to ask
inline constexpr int exit_not_runnable = 126;  // the program is there but cannot run in the pool
inline constexpr int exit_not_found = 127;     // there is no such program

}  // namespace sluice::cli
