// Contracts that are checked: what a header states as REQUIRES, and what must hold between two calls.
//
//   SLUICE_REQUIRE(count <= slots_max);        // the caller's duty, as the header states it
//   SLUICE_INVARIANT(held_bytes_ <= limit_);   // this object's own duty
//   SLUICE_INVARIANT_COSTLY(books_add_up());   // more than a few comparisons: not in what users install
//
// A broken contract is a defect of Sluice. The process prints the condition and its place to standard error and aborts:
// what follows would be a wrong limit, a wrong bill or another tenant's bytes. So a contract never speaks of bytes that
// another process can write: those are checked, and refused with a Status.
//
// The costly ones are evaluated where SLUICE_COSTLY_CONTRACTS is defined: in builds that have tests, and of what the
// benchmarks measure in those of them that are not optimised or are sanitized (cmake/Compiler.cmake). A condition is
// never evaluated for its effect.
#pragma once

namespace sluice {

// Prints "FILE:LINE: KIND is broken: CONDITION" and aborts. Safe from any thread and from a signal handler.
[[noreturn, gnu::cold, gnu::noinline]] void contract_broken(const char* kind, const char* condition, const char* file,
                                                            int line) noexcept;

}  // namespace sluice

#define SLUICE_CONTRACT(kind, condition) \
  (static_cast<bool>(condition) ? void() : ::sluice::contract_broken(kind, #condition, __FILE__, __LINE__))

#define SLUICE_REQUIRE(condition) SLUICE_CONTRACT("a requirement", condition)
#define SLUICE_INVARIANT(condition) SLUICE_CONTRACT("an invariant", condition)

#ifdef SLUICE_COSTLY_CONTRACTS
#define SLUICE_REQUIRE_COSTLY(condition) SLUICE_REQUIRE(condition)
#define SLUICE_INVARIANT_COSTLY(condition) SLUICE_INVARIANT(condition)
#else
// Compiled, so that it stays right, and never run.
#define SLUICE_REQUIRE_COSTLY(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#define SLUICE_INVARIANT_COSTLY(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#endif
