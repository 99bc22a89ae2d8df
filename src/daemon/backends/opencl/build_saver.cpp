#include "daemon/backends/opencl/build_saver.h"

#include <chrono>

#include "base/contract.h"
#include "base/log.h"
#include "daemon/backends/opencl/pocl_cache.h"

namespace sluice::backend::opencl {
namespace {

constexpr std::size_t jobs_max = 64;
constexpr Nanoseconds idle_ns = 30 * ns_per_ms;
constexpr Nanoseconds busy_look_ns = 200 * ns_per_ms;
constexpr std::size_t drained_kernels_max = 8;  // of a program whose session has ended: a binary cannot be interrupted

std::chrono::nanoseconds chrono_ns(Nanoseconds ns) { return std::chrono::nanoseconds(static_cast<std::int64_t>(ns)); }

}  // namespace

std::string native_binary(cl_program program) {
  const auto ask = asking(clGetProgramInfo, program);
  const auto bytes = value_of<std::size_t>(ask, CL_PROGRAM_BINARY_SIZES);
  std::string binary(bytes, '\0');
  char* place = binary.data();
  if (bytes == 0 || clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof place, &place, nullptr) != CL_SUCCESS)
    return {};
  return lacks_program(binary) ? std::string() : binary;
}

bool Activity::busy() const {
  if (in_flight.load(std::memory_order_relaxed) > 0) return true;
  const CompletionSink* const waits = sink.load(std::memory_order_acquire);
  return waits != nullptr && waits->keeps_waiting();
}

BuildSaver::~BuildSaver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BuildSaver::add(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= jobs_max) return;
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  changed_.notify_all();
}

// At no lower priority than others: a launch of the session may have to wait for what it is about.
void BuildSaver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_ || !wait_for_idle(lock)) return;
    if (jobs_.empty()) continue;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    saving_ = true;
    lock.unlock();
    CompletionSink* const sink = activity_.sink.load(std::memory_order_acquire);
    if (sink != nullptr) sink->begin_compile();
    save(job);
    if (sink != nullptr) sink->end_compile();
    if (const auto tidy = std::exchange(tidy_, nullptr)) tidy();
    lock.lock();
    saving_ = false;
    changed_.notify_all();
  }
}

bool BuildSaver::wait_for_idle(std::unique_lock<std::mutex>& lock) {
  SLUICE_REQUIRE(lock.owns_lock() && lock.mutex() == &mutex_);
  while (!stopping_) {
    const Nanoseconds idle_since = activity_.last_ended_ns.load(std::memory_order_relaxed);
    const bool busy = activity_.busy();
    const Nanoseconds now = now_ns();
    if (!busy && now >= idle_since + idle_ns) return true;
    changed_.wait_for(lock, chrono_ns(busy ? busy_look_ns : idle_since + idle_ns - now));
  }
  return false;
}

void BuildSaver::save(Job& job) const {
  job.container.native = native_binary(job.program.get());
  if (job.container.native.empty()) return;
  if (Status status = cache_.store(job.key, job.container); !status.ok()) log::warn("{}", status.to_string());
}

void BuildSaver::drain(Nanoseconds deadline_ns) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  const auto left = [&] { return deadline_ns - std::min(deadline_ns, now_ns()); };
  if (!changed_.wait_for(lock, chrono_ns(left()), [this] { return !saving_; })) return;
  for (Job& job : jobs_) {
    if (left() == 0) return;
    if (job.kernels <= drained_kernels_max) save(job);
  }
}

}  // namespace sluice::backend::opencl
