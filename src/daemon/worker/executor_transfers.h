// TransferExecutor: moves data between buffers, images and the arena.
//
// An overload per command: it checks the command's ranges against its objects and calls one verb of the backend. A
// range that does not fit is the program's mistake and ends the command with an outcome.
#pragma once

#include <cstdint>

#include "daemon/worker/enqueuer.h"

namespace sluice::worker {

class TransferExecutor {
 public:
  TransferExecutor(const ExecutorContext& context, Enqueuer& enqueuer) : to_(context), enqueuer_(enqueuer) {}

  SubmitResult submit(const wire::BufferWrite& write, const Command& command, const Part& part);
  SubmitResult submit(const wire::BufferRead& read, const Command& command, const Part& part);
  SubmitResult submit(const wire::BufferCopy& copy, const Command& command, const Part& part);
  SubmitResult submit(const wire::BufferFill& fill, const Command& command, const Part& part);
  SubmitResult submit(const wire::BufferWriteRect& write, const Command& command, const Part& part);
  SubmitResult submit(const wire::BufferReadRect& read, const Command& command, const Part& part);
  SubmitResult submit(const wire::BufferCopyRect& copy, const Command& command, const Part& part);
  SubmitResult submit(const wire::ImageWrite& write, const Command& command, const Part& part);
  SubmitResult submit(const wire::ImageRead& read, const Command& command, const Part& part);
  SubmitResult submit(const wire::ImageCopy& copy, const Command& command, const Part& part);
  SubmitResult submit(const wire::ImageFill& fill, const Command& command, const Part& part);
  SubmitResult submit(const wire::ImageToBuffer& copy, const Command& command, const Part& part);
  SubmitResult submit(const wire::BufferToImage& copy, const Command& command, const Part& part);

 private:
  // Memory that a command names, or the outcome that ends it.
  struct Operand {
    backend::Memory* memory = nullptr;
    Outcome outcome = Outcome::ok;
    std::uint64_t packed_bytes = 0;  // of a box of an image
  };
  Operand buffer_range(ObjectId id, std::uint64_t offset, std::uint64_t bytes) const;
  Operand buffer_rows(ObjectId id, const backend::BufferRows& rows) const;
  Operand image_box(ObjectId id, const wire::Box& origin, const wire::Box& region) const;

  ExecutorContext to_;
  Enqueuer& enqueuer_;
};

}  // namespace sluice::worker
