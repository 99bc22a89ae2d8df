// An open device without a worker around it.
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

#include "daemon/backends/backend.h"
#include "tests/daemon/drivers.h"

namespace sluice::test {

using namespace backend;

// The OpenCL backend on one driver alone. The loader reads the variable when it is first called: one driver a process.
inline std::unique_ptr<Backend> backend_of(const char* icd) {
  setenv("OCL_ICD_VENDORS", icd, 1);
  setenv(rusticl_variable, rusticl_devices, 1);
  return std::move(make_backends().front());
}

class Ends final : public CompletionSink {
 public:
  struct End {
    Outcome outcome = Outcome::internal;
    wire::CommandTimes times;
  };
  void completed(std::uint64_t token, Outcome outcome, const wire::CommandTimes& times) override {
    const std::lock_guard lock(mutex_);
    ends_[token] = {outcome, times};
    changed_.notify_all();
  }
  bool keeps_waiting() const override { return waiting; }
  std::atomic<bool> waiting{false};

  End wait_for(std::uint64_t token) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return ends_.count(token) != 0; }));
    return ends_[token];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, End> ends_;
};

// The first device of a backend, open, with a queue.
struct DeviceBench {
  explicit DeviceBench(const std::unique_ptr<Backend>& backend) {
    auto opened = backend->open(0);
    REQUIRE(opened.ok());
    device = opened.take();
    device->set_sink(ends);
    queue = std::move(device->create_queue({}).object);
    REQUIRE(queue);
  }
  Submission how(std::uint64_t token, bool with_event = false) { return {queue.get(), {}, token, with_event}; }

  Ends ends;
  std::unique_ptr<Device> device;
  std::unique_ptr<Queue> queue;
};

}  // namespace sluice::test
