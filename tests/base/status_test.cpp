#include "base/status.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <set>

#include "tests/base/run_apart.h"

namespace sluice {
namespace {

TEST_CASE("a status is ok until it is given a reason") {
  CHECK(Status().ok());
  CHECK(Status().to_string() == "ok");
  const Status refused(Code::quota_exceeded, "tenant alice holds 2 GiB of 2 GiB");
  CHECK_FALSE(refused.ok());
  CHECK(refused.code() == Code::quota_exceeded);
  CHECK(refused.to_string() == "quota_exceeded: tenant alice holds 2 GiB of 2 GiB");
}

TEST_CASE("every code has a name of its own") {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code) names.insert(code_name(static_cast<Code>(code)));
  CHECK(names.size() == static_cast<std::size_t>(Code::internal) + 1);
  CHECK(names.count("unknown") == 0);
  CHECK(code_name(static_cast<Code>(999)) == "unknown");
}

TEST_CASE("errno becomes a code that a caller can branch on") {
  CHECK(errno_status("open x", EACCES).code() == Code::permission_denied);
  CHECK(errno_status("open x", EPERM).code() == Code::permission_denied);
  CHECK(errno_status("open x", ENOENT).code() == Code::not_found);
  CHECK(errno_status("send", EPIPE).code() == Code::unavailable);
  CHECK(errno_status("connect", ECONNREFUSED).code() == Code::unavailable);
  CHECK(errno_status("send", ECONNRESET).code() == Code::unavailable);
  CHECK(errno_status("think", EDOM).code() == Code::internal);
  CHECK(errno_status("open x", ENOENT).message() == "cannot open x: No such file or directory");
}

TEST_CASE("a result holds a value or the reason for its absence") {
  Result<int> good(7);
  REQUIRE(good.ok());
  CHECK(good.value() == 7);
  CHECK(good.status().ok());
  Result<int> bad(Status(Code::not_found, "no such device"));
  CHECK_FALSE(bad.ok());
  CHECK(bad.status().code() == Code::not_found);
}

TEST_CASE("a result without a value gives none, and one without a reason for that is not made") {
  const Result<int> bad(Status(Code::not_found, "no such device"));
  CHECK(test::run_apart([&] { (void)bad.value(); }).signal == SIGABRT);
  CHECK(test::run_apart([] { (void)Result<int>(Status()); }).signal == SIGABRT);
}

TEST_CASE("a result can hold what only moves") {
  Result<std::unique_ptr<int>> owner(std::make_unique<int>(3));
  REQUIRE(owner.ok());
  const std::unique_ptr<int> taken = owner.take();
  CHECK(*taken == 3);
}

}  // namespace

namespace {

struct Pair {
  int first, second;
};
Result<Pair> pair_of(int first, int second) { return Pair{first, second}; }
Result<int> sum() {
  const Pair pair = SLUICE_TRY(Result<Pair>{Pair{1, 2}});
  return pair.first + pair.second + SLUICE_TRY(pair_of(3, 4)).second;
}

Status fail_if(bool fails) { return fails ? Status(Code::exhausted, "full") : Status(); }
Result<std::unique_ptr<int>> make_if(bool works) {
  if (!works) return Status(Code::not_found, "nothing");
  return std::make_unique<int>(7);
}
Result<int> twice(bool first_fails, bool second_works) {
  SLUICE_TRY(fail_if(first_fails));
  const std::unique_ptr<int> made = SLUICE_TRY(make_if(second_works));
  return *made * 2;
}

}  // namespace

TEST_CASE("SLUICE_TRY passes a failure on, and is the value otherwise") {
  CHECK(twice(false, true).value() == 14);
  CHECK(twice(true, true).status().code() == Code::exhausted);
  CHECK(twice(false, false).status().message() == "nothing");
  CHECK(sum().value() == 7);
}

}  // namespace sluice
