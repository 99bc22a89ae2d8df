#include "daemon/server/runtime/blocking_tasks.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

namespace sluice::server {

struct BlockingTasks::Books {
  using Piece = std::pair<unsigned, Nanoseconds>;  // whose, and since when

  std::mutex lock;
  std::condition_variable all_done;
  std::multiset<Piece> unfinished;

  void begin(const Piece& piece) {
    std::lock_guard guard(lock);
    unfinished.insert(piece);
  }
  void end(const Piece& piece) {
    std::lock_guard guard(lock);
    unfinished.erase(unfinished.find(piece));
    all_done.notify_all();
  }
};

BlockingTasks::BlockingTasks() : books_(std::make_shared<Books>()) {}

void BlockingTasks::run(unsigned uid, std::function<void()> work) {
  const Books::Piece piece(uid, now_ns());
  books_->begin(piece);
  auto whole = [books = books_, piece, work = std::move(work)]() mutable {
    work();
    work = nullptr;  // what it owns goes on this thread too
    books->end(piece);
  };
  try {
    std::thread(std::move(whole)).detach();
  } catch (const std::system_error&) {
    // No thread to be had: what the work owns went with the lambda; only the books are left to put right.
    books_->end(piece);
  }
}

void BlockingTasks::close(unsigned uid, std::vector<UniqueFd> fds) {
  if (fds.empty()) return;
  run(uid, [held = std::make_shared<std::vector<UniqueFd>>(std::move(fds))] {});
}

std::vector<UniqueFd> one_fd(UniqueFd fd) {
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(fd));
  return fds;
}

bool BlockingTasks::stuck(unsigned uid) const {
  std::lock_guard guard(books_->lock);
  const Nanoseconds now = now_ns();
  const auto first = books_->unfinished.lower_bound({uid, 0});
  const auto recent = books_->unfinished.lower_bound({uid, now - std::min(now, stuck_ns)});
  return static_cast<std::size_t>(std::distance(first, recent)) >= stuck_min;
}

bool BlockingTasks::finish(Nanoseconds deadline_ns) const {
  std::unique_lock guard(books_->lock);
  const Nanoseconds now = now_ns();
  const std::chrono::nanoseconds patience(deadline_ns > now ? deadline_ns - now : 0);
  return books_->all_done.wait_for(guard, patience, [this] { return books_->unfinished.empty(); });
}

}  // namespace sluice::server
