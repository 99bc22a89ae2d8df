// How every command goes to the driver: OpenClDevice::submit, shared by queue.cpp and kernel.cpp.
#pragma once

#include <array>
#include <vector>

#include "daemon/backends/opencl/device.h"

namespace sluice::backend::opencl {

// The driver's events behind a wait list, as the driver wants them.
class WaitList {
 public:
  // `scrub`: one more event, or null.
  WaitList(std::span<Event* const> events, cl_event scrub) : count_(events.size() + (scrub != nullptr ? 1 : 0)) {
    if (count_ > few_.size()) many_.resize(count_);
    cl_event* place = count_ > few_.size() ? many_.data() : few_.data();
    for (Event* event : events) *place++ = static_cast<EventObject*>(event)->handle.get();
    if (scrub != nullptr) *place = scrub;
  }
  cl_uint count() const { return static_cast<cl_uint>(count_); }
  // Null for an empty list: drivers refuse anything else.
  const cl_event* data() const { return count_ == 0 ? nullptr : many_.empty() ? few_.data() : many_.data(); }

 private:
  std::size_t count_;
  std::array<cl_event, 8> few_;
  std::vector<cl_event> many_;
};

// `enqueue` is called as enqueue(queue, wait count, wait list, event out) and returns the driver's error.
template <typename Enqueue>
Submitted OpenClDevice::submit(const Submission& how, Enqueue enqueue, Touches touches) {
  auto& queue = static_cast<QueueObject&>(*how.queue);
  if (!quirks_.watch_queues && any_failed(how.wait_list)) return {Outcome::wait_list_failed, nullptr};
  const WaitList wait_list(how.wait_list, touches == Touches::memory ? unfinished_scrub() : nullptr);
  const Nanoseconds submitted_ns = quirks_.watch_queues || clock_.needs_host_times() ? now_ns() : 0;
  cl_event event = nullptr;
  const cl_int error = enqueue(queue.handle.get(), wait_list.count(), wait_list.data(), &event);
  if (error != CL_SUCCESS) return {outcome_of(error), nullptr};
  return track(how, event, submitted_ns);
}

inline cl_mem native(Memory& memory) { return static_cast<MemoryObject&>(memory).handle.get(); }

inline std::array<std::size_t, 3> native(const Box& box) { return {box.x, box.y, box.z}; }

}  // namespace sluice::backend::opencl
