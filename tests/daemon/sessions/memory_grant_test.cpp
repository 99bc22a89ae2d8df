#include "daemon/sessions/memory_grant.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "base/unique_fd.h"

namespace sluice {
namespace {

struct Pages {
  TermsPage terms{};
  ReportPage report{};
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  MemoryHolder holder{terms, report, kick.get(), 100 * ns_per_ms};
  PageMemoryGrantor grantor{terms, report};

  bool kicked() const {
    std::uint64_t count = 0;
    return ::read(kick.get(), &count, sizeof count) == sizeof count;
  }
};

// Answers the next wish with a grant of so many bytes.
std::jthread answer_with(Pages& pages, std::uint64_t granted_bytes) {
  return std::jthread([&pages, granted_bytes](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto wish = pages.grantor.wish();
      if (!wish) continue;
      pages.grantor.set_granted(granted_bytes);
      return pages.grantor.answer(*wish);
    }
  });
}

TEST_CASE("within its grant a session asks nobody, to the byte") {
  Pages pages;
  pages.grantor.set_granted(1000);
  CHECK(pages.holder.reserve(600).ok());
  CHECK(pages.holder.reserve(400).ok());
  CHECK(pages.holder.held() == 1000);
  CHECK(pages.grantor.held() == 1000);
  CHECK_FALSE(pages.kicked());
  pages.holder.release(1);
  CHECK(pages.holder.reserve(1).ok());
}

TEST_CASE("beyond its grant a session asks for what it would hold, and takes it when it is granted") {
  Pages pages;
  pages.grantor.set_granted(1000);
  REQUIRE(pages.holder.reserve(900).ok());
  {
    const auto daemon = answer_with(pages, 1100);
    CHECK(pages.holder.reserve(200).ok());
  }
  CHECK(pages.kicked());
  CHECK(pages.holder.held() == 1100);
  CHECK_FALSE(pages.grantor.wish());  // it is settled
}

TEST_CASE("a wish that is answered without a grant is the tenant's limit") {
  Pages pages;
  pages.grantor.set_granted(1000);
  const auto daemon = answer_with(pages, 1000);
  const Status refused = pages.holder.reserve(1001);
  CHECK(refused.code() == Code::quota_exceeded);
  CHECK(refused.message() == "asked for 1001 B beyond the tenant's limit, with 0 B held by this session");
  CHECK_FALSE(pages.grantor.wish());
  CHECK(pages.holder.held() == 0);
}

TEST_CASE("no amount is too large to be asked for") {
  Pages pages;
  pages.grantor.set_granted(1000);
  REQUIRE(pages.holder.reserve(10).ok());
  const auto daemon = answer_with(pages, 1000);
  CHECK(pages.holder.reserve(UINT64_MAX).code() == Code::quota_exceeded);
  CHECK(pages.holder.held() == 10);
}

TEST_CASE("without a daemon a session works within its grant, and waits for one only once") {
  Pages pages;
  pages.grantor.set_granted(1000);
  CHECK(pages.holder.reserve(1000).ok());
  Nanoseconds begun_ns = now_ns();
  CHECK(pages.holder.reserve(1).code() == Code::unavailable);
  CHECK(now_ns() - begun_ns >= 100 * ns_per_ms);
  begun_ns = now_ns();
  CHECK(pages.holder.reserve(1).code() == Code::unavailable);
  CHECK(now_ns() - begun_ns < 100 * ns_per_ms);
  const auto daemon = answer_with(pages, 2000);
  CHECK(pages.holder.reserve(1).ok());
}

TEST_CASE("a grant that is lowered while a session adds is seen by it, or what it added is seen") {
  constexpr std::uint64_t high = 1000;
  Pages pages;
  MemoryHolder holder(pages.terms, pages.report, pages.kick.get(), 0);
  pages.grantor.set_granted(high);
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> kept{0};
  std::jthread worker([&] {
    std::mt19937 random(1);
    while (!over) {
      const std::uint64_t bytes = random() % high + 1;
      if (!holder.reserve(bytes).ok()) continue;
      kept = bytes;
      kept = 0;
      holder.release(bytes);
    }
  });
  std::mt19937 random(2);
  std::uint64_t unseen = 0;
  for (int round = 0; round < 100'000; ++round) {
    const std::uint64_t low = random() % high;
    pages.grantor.set_granted(low);
    const std::uint64_t counted = std::max(pages.grantor.held(), low);
    for (int look = 0; look < 3; ++look)
      if (kept > counted) ++unseen;
    pages.grantor.set_granted(high);
  }
  over = true;
  worker.join();
  CHECK(unseen == 0);
  CHECK(holder.held() == 0);
}

TEST_CASE("a page is current once its worker says so, whatever else it says") {
  Pages pages;
  CHECK(pages.grantor.current());
  pages.terms.epoch = 3;
  CHECK_FALSE(pages.grantor.current());
  pages.report.epoch = 3;
  CHECK(pages.grantor.current());
}

}  // namespace
}  // namespace sluice
