// The harness of the conformance suite: tests that print one line for each verdict, so that a run on the system's own
// driver and a run through the pool can be compared line by line.
//
//   test NUMBER NAME
//   ok NAME | FAIL NAME -- why | skip NAME -- why
//
// EXPECT ends its test when it fails. CHECK has a line of its own, `NAME | file:line: what`, and its test goes on: for
// rows of independent cases, each of which is to be compared. A test that hangs ends the program after its deadline.
#pragma once

#include <CL/cl.h>

#include <functional>
#include <string>

namespace conformance {

struct Failure {
  std::string what;
};
struct Skipped {
  std::string why;
};

struct Registration {
  Registration(const char* name, void (*body)());
};

// "CL_INVALID_VALUE" or the number.
std::string code_name(cl_int code);

void expect(bool holds, const char* text, const char* file, int line);
void expect_code(cl_int got, cl_int wanted, const char* text, const char* file, int line);
// The same, each with a line of its own.
void check(bool holds, const std::string& text, const char* file, int line);
void check_code(cl_int got, cl_int wanted, const char* text, const char* file, int line);
// Any of the two: where the standard leaves a choice.
void expect_either(cl_int got, cl_int first, cl_int second, const char* text, const char* file, int line);
[[noreturn]] inline void skip(const std::string& why) { throw Skipped{why}; }

// Runs the tests whose names contain `filter` (all, if empty), from the `first`th on. Exit status: 0 even when tests
// fail, since only the comparison says whether that matters; 3 after a hang.
int run_all(int argc, char** argv);

}  // namespace conformance

#define CONFORMANCE_JOIN_(a, b) a##b
#define CONFORMANCE_JOIN(a, b) CONFORMANCE_JOIN_(a, b)
#define TEST(name) CONFORMANCE_TEST(name, CONFORMANCE_JOIN(test_, __LINE__), CONFORMANCE_JOIN(registration_, __LINE__))
#define CONFORMANCE_TEST(name, id, registration)                   \
  static void id();                                                \
  static const ::conformance::Registration registration(name, id); \
  static void id()

#define EXPECT(condition) ::conformance::expect((condition), #condition, __FILE__, __LINE__)
#define EXPECT_CODE(call, code) ::conformance::expect_code((call), (code), #call, __FILE__, __LINE__)
#define EXPECT_EITHER(call, a, b) ::conformance::expect_either((call), (a), (b), #call, __FILE__, __LINE__)
#define EXPECT_OK(call) EXPECT_CODE(call, CL_SUCCESS)
#define CHECK(condition) ::conformance::check((condition), #condition, __FILE__, __LINE__)
// For loops: `which` says what the row is about.
#define CHECK_FOR(which, condition) \
  ::conformance::check((condition), std::string(#condition " for ") + (which), __FILE__, __LINE__)
#define CHECK_CODE(call, code) ::conformance::check_code((call), (code), #call, __FILE__, __LINE__)
