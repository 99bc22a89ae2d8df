// ObjectExecutor: makes and releases memory, samplers, queues and user events.
//
// One overload per command. protocol_fault: an id was used twice, or the device has no such compute units. Any other
// mistake is answered, or kept with the object and passed on to the commands that use it. All on the command thread.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "daemon/worker/executor_context.h"
#include "daemon/worker/rectangles.h"

namespace sluice::worker {

class ObjectExecutor {
 public:
  explicit ObjectExecutor(const ExecutorContext& context) : to_(context) {}

  Status execute(const wire::BufferCreate& create);
  Status execute(const wire::SubBufferCreate& create);
  Status execute(const wire::ImageCreate& create);
  Status execute(const wire::SamplerCreate& create);
  Status execute(const wire::QueueCreate& create);
  Status execute(const wire::UserEventCreate& create);
  Status execute(const wire::UserEventSet& set);
  // An id that names nothing is no mistake: its creation failed, or the program released it twice. Of a queue: all that
  // was submitted to it must have been flushed.
  Status execute(const wire::ObjectRelease& release);

 private:
  Outcome make_buffer(const wire::BufferCreate& create, MemoryEntry& entry);
  Outcome make_sub_buffer(const wire::SubBufferCreate& create, MemoryEntry& entry);
  Outcome make_image(const wire::ImageCreate& create, MemoryEntry& entry);
  Outcome image_over_buffer(const wire::ImageCreate& create, std::uint64_t bytes, MemoryEntry& entry,
                            backend::Memory*& buffer);
  Outcome image_of_its_own(const wire::ImageCreate& create, std::uint64_t bytes, MemoryEntry& entry,
                           std::span<std::byte>& host);
  bool offers_format(const wire::ImageCreate& create) const;

  ExecutorContext to_;
};

}  // namespace sluice::worker
