// The harness of the functional programs: tests that print one line each, so that a run on the system's own driver
// and a run through the pool can be compared line by line.
//
//   ok NAME | FAIL NAME: file:line: what | skip NAME: why
//
// A failed expectation ends its test. A test that hangs ends the program after its deadline, with a FAIL line.
#pragma once

#include <CL/cl.h>

#include <functional>
#include <string>

namespace functional {

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
// Any of the two: where the standard leaves a choice.
void expect_either(cl_int got, cl_int first, cl_int second, const char* text, const char* file, int line);
[[noreturn]] inline void skip(const std::string& why) { throw Skipped{why}; }

// Runs the tests whose names contain `filter` (all, if empty), from the `first`th on. Exit status: 0 even when tests
// fail, since only the comparison says whether that matters; 3 after a hang.
int run_all(int argc, char** argv);

}  // namespace functional

#define FUNCTIONAL_JOIN_(a, b) a##b
#define FUNCTIONAL_JOIN(a, b) FUNCTIONAL_JOIN_(a, b)
#define TEST(name) FUNCTIONAL_TEST(name, FUNCTIONAL_JOIN(test_, __LINE__), FUNCTIONAL_JOIN(registration_, __LINE__))
#define FUNCTIONAL_TEST(name, id, registration)                   \
  static void id();                                               \
  static const ::functional::Registration registration(name, id); \
  static void id()

#define EXPECT(condition) ::functional::expect((condition), #condition, __FILE__, __LINE__)
#define EXPECT_CODE(call, code) ::functional::expect_code((call), (code), #call, __FILE__, __LINE__)
#define EXPECT_EITHER(call, a, b) ::functional::expect_either((call), (a), (b), #call, __FILE__, __LINE__)
#define EXPECT_OK(call) EXPECT_CODE(call, CL_SUCCESS)
