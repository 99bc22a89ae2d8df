// CallbackThread: calls the program back when what it waits for has come to pass.
//
// The callbacks of a session run on one thread of their own, which is made when the first one must wait, holds no lock
// while it calls, and sleeps without a wake-up for as long as nothing is pending. Owned by the session, and like it
// never torn down once it has the thread. In a forked child the parent's session gets a new one (Session::abandon), for
// the parent's objects that the child has; what was pending is the parent's alone. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

namespace sluice::shim {

class Lane;
class Session;

// One callback; what it waits for is its front end's to know.
class PendingCallback {
 public:
  virtual ~PendingCallback() = default;
  // Has it come to pass? Once true, always true; true if the session is lost.
  virtual bool due() const = 0;
  // Calls the program. Once, after due(), by the callback thread.
  virtual void call() = 0;
  // A place on an in-order lane at which it is due at the latest. `lane` is null if there is none; else it lives as
  // long as this object.
  struct Place {
    Lane* lane = nullptr;
    std::uint64_t sequence = 0;
  };
  virtual Place place() const { return {}; }
};

class CallbackThread {
 public:
  explicit CallbackThread(Session& session) : session_(session) {}
  CallbackThread(const CallbackThread&) = delete;
  CallbackThread& operator=(const CallbackThread&) = delete;

  // Calls back when it is due. False: no thread could be made, and `callback` is still the caller's.
  bool add(std::unique_ptr<PendingCallback>&& callback);

 private:
  using Callbacks = std::list<std::unique_ptr<PendingCallback>>;
  bool start();
  void wake();
  [[noreturn]] void run();
  bool call_due();
  Callbacks take_due();
  void sleep();
  void sleep_at(const PendingCallback::Place& place, std::unique_lock<std::mutex> lock);
  PendingCallback::Place common_place() const;

  Session& session_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable added_;
  bool started_ = false;
  Callbacks pending_;
  Lane* sleeps_at_ = nullptr;
  std::atomic<bool> interrupted_{false};  // ends the sleep at a lane
};

}  // namespace sluice::shim
