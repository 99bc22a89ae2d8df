#include "daemon/server/aside.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace sluice::server {

struct Aside::Books {
  std::mutex lock;
  std::condition_variable all_done;
  std::map<unsigned, std::size_t> unfinished;  // by user

  void begin(unsigned uid) {
    std::lock_guard guard(lock);
    ++unfinished[uid];
  }
  void end(unsigned uid) {
    std::lock_guard guard(lock);
    if (--unfinished[uid] == 0) unfinished.erase(uid);
    all_done.notify_all();
  }
};

Aside::Aside() : books_(std::make_shared<Books>()) {}

void Aside::run(unsigned uid, std::function<void()> work) {
  books_->begin(uid);
  auto whole = [books = books_, uid, work = std::move(work)]() mutable {
    work();
    work = nullptr;  // what it owns goes on this thread too
    books->end(uid);
  };
  try {
    std::thread(std::move(whole)).detach();
  } catch (const std::system_error&) {
    // No thread to be had: what the work owns went with the lambda; only the count is left to undo.
    books_->end(uid);
  }
}

bool Aside::busy(unsigned uid) const {
  std::lock_guard guard(books_->lock);
  const auto found = books_->unfinished.find(uid);
  return found != books_->unfinished.end() && found->second >= per_user_max;
}

bool Aside::finish(Nanoseconds deadline_ns) const {
  std::unique_lock guard(books_->lock);
  const Nanoseconds now = now_ns();
  const std::chrono::nanoseconds patience(deadline_ns > now ? deadline_ns - now : 0);
  return books_->all_done.wait_for(guard, patience, [this] { return books_->unfinished.empty(); });
}

}  // namespace sluice::server
