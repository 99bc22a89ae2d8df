#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

namespace conformance {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned test_seconds_max = 300;
#else
constexpr unsigned test_seconds_max = 30;
#endif

struct Test {
  const char* name;
  void (*body)();
};

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

const char* running = "";
const char* const at_hang = std::getenv("CONFORMANCE_AT_HANG");  // a command, to look at what hangs

void look_at_hang() {
  const pid_t looking = at_hang != nullptr ? fork() : -1;
  if (looking == 0) {
    execl("/bin/sh", "sh", "-c", at_hang, nullptr);
    _exit(1);
  }
  if (looking > 0) (void)waitpid(looking, nullptr, 0);
}

void on_alarm(int) {
  const char head[] = "FAIL ", tail[] = " -- hangs\n";
  (void)!write(STDOUT_FILENO, head, sizeof head - 1);
  (void)!write(STDOUT_FILENO, running, std::strlen(running));
  (void)!write(STDOUT_FILENO, tail, sizeof tail - 1);
  look_at_hang();
  _exit(3);
}

void run_one(const Test& test) {
  running = test.name;
  alarm(test_seconds_max);
  std::string verdict = std::string("ok ") + test.name;
  try {
    test.body();
  } catch (const Failure& failure) {
    verdict = std::string("FAIL ") + test.name + " -- " + failure.what;
  } catch (const Skipped& skipped) {
    verdict = std::string("skip ") + test.name + " -- " + skipped.why;
  }
  alarm(0);
  std::printf("%s\n", verdict.c_str());
  std::fflush(stdout);
}

std::string place(const char* file, int line) {
  const char* slash = std::strrchr(file, '/');
  return std::string(slash != nullptr ? slash + 1 : file) + ":" + std::to_string(line) + ": ";
}

void report(bool holds, const std::string& what, const std::string& why) {
  std::printf("%s %s | %s%s\n", holds ? "ok" : "FAIL", running, what.c_str(), why.c_str());
  std::fflush(stdout);  // what follows may crash the driver
}

}  // namespace

Registration::Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }

std::string code_name(cl_int code) {
#define NAME(x) \
  { x, #x }
  static const std::map<cl_int, const char*> names = {NAME(CL_SUCCESS),
                                                      NAME(CL_DEVICE_NOT_FOUND),
                                                      NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
                                                      NAME(CL_OUT_OF_RESOURCES),
                                                      NAME(CL_OUT_OF_HOST_MEMORY),
                                                      NAME(CL_PROFILING_INFO_NOT_AVAILABLE),
                                                      NAME(CL_MEM_COPY_OVERLAP),
                                                      NAME(CL_IMAGE_FORMAT_MISMATCH),
                                                      NAME(CL_IMAGE_FORMAT_NOT_SUPPORTED),
                                                      NAME(CL_BUILD_PROGRAM_FAILURE),
                                                      NAME(CL_MAP_FAILURE),
                                                      NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET),
                                                      NAME(CL_COMPILE_PROGRAM_FAILURE),
                                                      NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
                                                      NAME(CL_LINK_PROGRAM_FAILURE),
                                                      NAME(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
                                                      NAME(CL_INVALID_VALUE),
                                                      NAME(CL_INVALID_DEVICE_TYPE),
                                                      NAME(CL_INVALID_PLATFORM),
                                                      NAME(CL_INVALID_DEVICE),
                                                      NAME(CL_INVALID_CONTEXT),
                                                      NAME(CL_INVALID_QUEUE_PROPERTIES),
                                                      NAME(CL_INVALID_COMMAND_QUEUE),
                                                      NAME(CL_INVALID_HOST_PTR),
                                                      NAME(CL_INVALID_MEM_OBJECT),
                                                      NAME(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR),
                                                      NAME(CL_INVALID_IMAGE_SIZE),
                                                      NAME(CL_INVALID_SAMPLER),
                                                      NAME(CL_INVALID_BINARY),
                                                      NAME(CL_INVALID_BUILD_OPTIONS),
                                                      NAME(CL_INVALID_PROGRAM),
                                                      NAME(CL_INVALID_PROGRAM_EXECUTABLE),
                                                      NAME(CL_INVALID_KERNEL_NAME),
                                                      NAME(CL_INVALID_KERNEL_DEFINITION),
                                                      NAME(CL_INVALID_KERNEL),
                                                      NAME(CL_INVALID_ARG_INDEX),
                                                      NAME(CL_INVALID_ARG_VALUE),
                                                      NAME(CL_INVALID_ARG_SIZE),
                                                      NAME(CL_INVALID_KERNEL_ARGS),
                                                      NAME(CL_INVALID_WORK_DIMENSION),
                                                      NAME(CL_INVALID_WORK_GROUP_SIZE),
                                                      NAME(CL_INVALID_WORK_ITEM_SIZE),
                                                      NAME(CL_INVALID_GLOBAL_OFFSET),
                                                      NAME(CL_INVALID_EVENT_WAIT_LIST),
                                                      NAME(CL_INVALID_EVENT),
                                                      NAME(CL_INVALID_OPERATION),
                                                      NAME(CL_INVALID_BUFFER_SIZE),
                                                      NAME(CL_INVALID_GLOBAL_WORK_SIZE),
                                                      NAME(CL_INVALID_PROPERTY),
                                                      NAME(CL_INVALID_IMAGE_DESCRIPTOR),
                                                      NAME(CL_INVALID_COMPILER_OPTIONS),
                                                      NAME(CL_INVALID_LINKER_OPTIONS),
                                                      NAME(CL_INVALID_DEVICE_PARTITION_COUNT),
                                                      NAME(CL_DEVICE_PARTITION_FAILED),
                                                      NAME(CL_INVALID_MIP_LEVEL)};
#undef NAME
  const auto found = names.find(code);
  return found != names.end() ? found->second : std::to_string(code);
}

void expect(bool holds, const char* text, const char* file, int line) {
  if (!holds) throw Failure{place(file, line) + text};
}

void expect_code(cl_int got, cl_int wanted, const char* text, const char* file, int line) {
  if (got == wanted) return;
  throw Failure{place(file, line) + text + " gave " + code_name(got) + ", not " + code_name(wanted)};
}

void check(bool holds, const std::string& text, const char* file, int line) {
  report(holds, place(file, line) + text, holds ? "" : " -- does not hold");
}

void check_code(cl_int got, cl_int wanted, const char* text, const char* file, int line) {
  report(got == wanted, place(file, line) + text,
         got == wanted ? "" : " -- gave " + code_name(got) + ", not " + code_name(wanted));
}

void expect_either(cl_int got, cl_int first, cl_int second, const char* text, const char* file, int line) {
  if (got == first || got == second) return;
  throw Failure{place(file, line) + text + " gave " + code_name(got) + ", neither " + code_name(first) + " nor " +
                code_name(second)};
}

int run_all(int argc, char** argv) {
  const std::string filter = argc > 1 ? argv[1] : "";
  const std::size_t first = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
  std::signal(SIGALRM, on_alarm);
  for (std::size_t i = first; i < tests().size(); ++i) {
    if (std::string(tests()[i].name).find(filter) == std::string::npos) continue;
    std::printf("test %zu %s\n", i, tests()[i].name);
    std::fflush(stdout);
    run_one(tests()[i]);
  }
  std::printf("end\n");
  return 0;
}

}  // namespace conformance

int main(int argc, char** argv) { return conformance::run_all(argc, argv); }
