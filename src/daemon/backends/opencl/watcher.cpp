#include "daemon/backends/opencl/watcher.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace sluice::backend::opencl {
namespace {

// A driver may fail the wait as well; the event's own status is what counts.
cl_int wait_for(cl_event event) {
  const cl_int error = clWaitForEvents(1, &event);
  cl_int status = CL_COMPLETE;
  if (clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr) != CL_SUCCESS)
    return error;
  return std::min(status, CL_COMPLETE);
}

// Sets it to the larger of the two; returns what it was.
Nanoseconds raise(std::atomic<Nanoseconds>& time_ns, Nanoseconds to_ns) {
  Nanoseconds was_ns = time_ns.load(std::memory_order_relaxed);
  while (was_ns < to_ns && !time_ns.compare_exchange_weak(was_ns, to_ns, std::memory_order_relaxed)) continue;
  return was_ns;
}

}  // namespace

struct Watcher::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Command> commands;
  bool closed = false;
};

Watcher::Watcher(Ended ended, std::atomic<Nanoseconds>& latest_end_ns) : shared_(std::make_shared<Shared>()) {
  std::thread([shared = shared_, ended, &latest_end_ns] { run(shared, ended, latest_end_ns); }).detach();
}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->closed = true;
  }
  shared_->changed.notify_one();
}

void Watcher::add(Command command) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->commands.push_back(std::move(command));
  }
  shared_->changed.notify_one();
}

void Watcher::run(const std::shared_ptr<Shared>& shared, Ended ended, std::atomic<Nanoseconds>& latest_end_ns) {
  for (;;) {
    std::unique_lock lock(shared->mutex);
    shared->changed.wait(lock, [&] { return shared->closed || !shared->commands.empty(); });
    if (shared->commands.empty()) return;
    const Command command = std::move(shared->commands.front());
    shared->commands.pop_front();
    lock.unlock();

    bool gate_failed = false;
    for (const EventHandle& gate : command.wait_list) gate_failed = wait_for(gate.get()) < 0 || gate_failed;
    wire::CommandTimes times;
    times.submitted_ns = command.submitted_ns;
    times.started_ns = command.wait_list.empty() ? command.submitted_ns : now_ns();
    const cl_int status = wait_for(command.event);
    times.ended_ns = now_ns();
    const Nanoseconds previous_end_ns = raise(latest_end_ns, times.ended_ns);
    times.started_ns = std::max(times.started_ns, previous_end_ns);
    times.ended_ns = std::max(times.ended_ns, times.started_ns);
    ended(command.context, status < 0 && gate_failed ? CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST : status, times);
  }
}

}  // namespace sluice::backend::opencl
