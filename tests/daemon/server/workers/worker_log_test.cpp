#include "daemon/server/workers/worker_log.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

using namespace sluice;
using namespace sluice::server;

namespace {

struct Written {
  std::vector<std::pair<log::Level, std::string>> lines;
  LogLines::Line line() {
    return [this](log::Level level, const std::string& text) { lines.emplace_back(level, text); };
  }
};

// A worker's log whose pipe the test writes to; run() lets the loop go on for a moment.
struct Rig {
  EventLoop loop;
  LineQuota of_all{WorkerLog::lines_of_all_per_window, WorkerLog::window_ns};
  Written written;
  WorkerPipe pipe = make_worker_pipe().take();
  WorkerLog log{loop, of_all, written.line()};

  Rig() {
    REQUIRE(loop.open().ok());
    REQUIRE(log.open(std::move(pipe.read_end)).ok());
  }
  bool write(const std::string& text) const {
    return ::write(pipe.write_end.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
};

std::string many_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "info: " + std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a line keeps the level that a worker's own log gives it, and is a warning without one") {
  Written written;
  LogLines lines;
  lines.take("info: hello\nerror: trou", written.line());
  lines.take("ble\nlibfoo: cannot open it\n", written.line());
  REQUIRE(written.lines.size() == 3);
  CHECK(written.lines[0] == std::pair(log::Level::info, std::string("hello")));
  CHECK(written.lines[1] == std::pair(log::Level::error, std::string("trouble")));
  CHECK(written.lines[2] == std::pair(log::Level::warn, std::string("libfoo: cannot open it")));
}

TEST_CASE("what is not printable is not written, and no line has a second one in it") {
  Written written;
  LogLines lines;
  lines.take("a\rb\x1b[2Jc\n", written.line());
  REQUIRE(written.lines.size() == 1);
  CHECK(written.lines[0].second == "a?b?[2Jc");
  written.lines.clear();
  lines.take(std::string_view("d\0e\xc2\x85\n", 6), written.line());
  lines.finish(written.line());
  CHECK(written.lines[0].second == "d?e??");
}

TEST_CASE("a line that never ends takes no more room than a line may") {
  Written written;
  LogLines lines;
  for (int i = 0; i < 100; ++i) lines.take(std::string(1000, 'x'), written.line());
  CHECK(written.lines.empty());
  lines.take("\nnext\n", written.line());
  REQUIRE(written.lines.size() == 2);
  CHECK(written.lines[0].second == std::string(LogLines::line_bytes_max, 'x'));
  CHECK(written.lines[1].second == "next");
}

TEST_CASE("a quota is whole again in the next window, and not before") {
  LineQuota quota(2, 100);
  CHECK(quota.take(1000));
  CHECK(quota.take(1001));
  CHECK_FALSE(quota.take(1099));
  CHECK(quota.take(1100));
}

TEST_CASE("the last line of a worker that has ended is written, though nothing ends it") {
  Rig rig;
  REQUIRE(rig.write("info: one\nAborted"));
  rig.log.finish();
  REQUIRE(rig.written.lines.size() == 2);
  CHECK(rig.written.lines[1].second == "Aborted");
}

TEST_CASE("beyond its quota a worker's lines are counted, not written") {
  Rig rig;
  REQUIRE(rig.write(many_lines(WorkerLog::lines_per_window + 50)));
  rig.log.finish();
  REQUIRE(rig.written.lines.size() == WorkerLog::lines_per_window + 1);
  CHECK(rig.written.lines.back().second == "50 lines were left out");
}

TEST_CASE("all workers together have a quota of their own") {
  Rig rig;
  for (std::uint32_t i = 0; i < WorkerLog::lines_of_all_per_window - 1; ++i) REQUIRE(rig.of_all.take(now_ns()));
  REQUIRE(rig.write(many_lines(3)));
  rig.log.finish();
  REQUIRE(rig.written.lines.size() == 2);
  CHECK(rig.written.lines.back().second == "2 lines were left out");
}

TEST_CASE("a worker that keeps writing is read so often and no more, and its writes do not block") {
  Rig rig;
  int writes = 0;
  const Nanoseconds end_ns = now_ns() + 200 * ns_per_ms, patience_ns = now_ns() + 20 * ns_per_s;
  std::function<void()> write_more = [&] { ++writes, (void)rig.write("x"); };
  Timer again;
  const std::function<void()> step = [&] {
    for (int i = 0; i < 100; ++i) write_more();
    // A slow machine has more time: what counts is that all of these writes return.
    if (now_ns() >= (writes > 1000 ? end_ns : patience_ns)) rig.loop.stop();
    else again = rig.loop.at(now_ns(), step);
  };
  again = rig.loop.at(now_ns(), step);
  rig.loop.run();
  CHECK(writes > 1000);                        // none of them waited for the reader
  while (rig.write(std::string(4096, 'x'))) {  // nobody reads: it fills up, and the next write fails
  }
  CHECK(rig.written.lines.empty());
}
