#include "daemon/worker/all_threads.h"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>

#include "base/clock.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds patience_ns = ns_per_s;
constexpr int rounds_max = 16;
// Drivers' threads that block all signals leave this one open, for sandboxes.
constexpr int signal_number = SIGSYS;

std::atomic<void (*)()> pending_action{nullptr};
std::atomic<std::size_t> answers{0};

void answer(int) {
  if (auto* action = pending_action.load(std::memory_order_acquire)) action();
  answers.fetch_add(1, std::memory_order_release);
}

std::set<pid_t> list_threads() {
  std::set<pid_t> threads;
  DIR* folder = opendir("/proc/self/task");
  if (folder == nullptr) return threads;
  while (const dirent* entry = readdir(folder))
    if (const int id = std::atoi(entry->d_name); id > 0) threads.insert(id);
  closedir(folder);
  return threads;
}

// Signals the threads that have not been signalled before; returns how many.
std::size_t signal_new(std::set<pid_t>& signalled) {
  std::size_t count = 0;
  for (const pid_t thread : list_threads()) {
    if (!signalled.insert(thread).second) continue;
    if (syscall(SYS_tgkill, getpid(), thread, signal_number) == 0) ++count;
  }
  return count;
}

}  // namespace

std::size_t run_on_all_threads(void (*action)()) {
  struct sigaction ours {
  }, before{};
  ours.sa_handler = answer;
  ours.sa_flags = SA_RESTART;
  pending_action.store(action, std::memory_order_release);
  answers.store(0);
  sigaction(signal_number, &ours, &before);
  std::set<pid_t> signalled;
  std::size_t expected = 0;
  const Nanoseconds deadline_ns = now_ns() + patience_ns;
  // Again until no thread is new: one may have been started by a thread that had not answered yet.
  for (int round = 0; round < rounds_max; ++round) {
    const std::size_t fresh = signal_new(signalled);
    expected += fresh;
    while (answers.load(std::memory_order_acquire) < expected && now_ns() < deadline_ns) usleep(100);
    if (fresh == 0) break;
  }
  const std::size_t silent = expected - std::min(expected, answers.load(std::memory_order_acquire));
  // A late answer must find no handler of ours gone: the default would end the process.
  if (silent == 0) sigaction(signal_number, &before, nullptr);
  return silent;
}

}  // namespace sluice::worker
