// Contents: what memory objects hold where they do not lie in the arena: which of it must be copied, and the copying.
//
// On the command thread, or before there is one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "daemon/backends/backend.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/object_table.h"
#include "wire/timeline.h"

namespace sluice::worker {

// Of a buffer or a part of one: a range; of an image: all of it, packed.
struct ContentPiece {
  ObjectId id = 0;
  std::uint64_t offset = 0, bytes = 0;
};
inline constexpr std::uint64_t content_piece_bytes_max = 4ull << 20;  // of a buffer

// From now on all that was ever written is to be copied again.
void begin_contents(ObjectTable& objects);
// What was written since the last call. Where an object has gone and its parts have not, those have its contents.
std::vector<ContentPiece> take_contents(ObjectTable& objects);
std::uint64_t bytes_of(const std::vector<ContentPiece>& pieces);

// Copies between memory objects and this process, on a queue of its own; each call waits for the device.
class ContentCopier {
 public:
  // Both outlive the copier.
  ContentCopier(backend::Device& device, Completions& completions) : device_(device), completions_(completions) {}
  ~ContentCopier();
  ContentCopier(const ContentCopier&) = delete;
  ContentCopier& operator=(const ContentCopier&) = delete;

  // Nothing is read if the object has gone, and with it the need to copy it.
  Status read(ObjectTable& objects, const ContentPiece& piece, Nanoseconds deadline_ns, std::vector<std::byte>& bytes);
  // protocol_fault: there is no such piece.
  Status write(ObjectTable& objects, const ContentPiece& piece, std::span<const std::byte> bytes,
               Nanoseconds deadline_ns);

 private:
  template <typename Submit>
  Status copy(Submit submit, Nanoseconds deadline_ns);

  backend::Device& device_;
  Completions& completions_;
  std::unique_ptr<backend::Queue> queue_;
  std::unique_ptr<wire::TimelineSlot> timeline_;
  QueueProgress* progress_ = nullptr;
};

}  // namespace sluice::worker
