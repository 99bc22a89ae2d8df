// WrittenRanges: which parts of a memory object commands may have written, so that a move copies those alone.
//
// Belongs to the object that has the memory; its parts share it. A command's writes are noted when it is submitted.
// Kept by chunks: what is noted is at least what was written. The command thread's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sluice::worker {

struct ByteRange {
  std::uint64_t offset = 0, bytes = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

class WrittenRanges {
 public:
  static constexpr std::uint64_t chunk_bytes = 64 * 1024;

  explicit WrittenRanges(std::uint64_t bytes)
      : bytes_(bytes), ever_((bytes + chunk_bytes - 1) / chunk_bytes), lately_(ever_.size()) {}

  // What lies beyond the object is left out.
  void note(std::uint64_t offset, std::uint64_t bytes) {
    if (bytes == 0 || offset >= bytes_) return;
    const std::uint64_t last = offset + std::min(bytes, bytes_ - offset) - 1;
    for (std::uint64_t chunk = offset / chunk_bytes; chunk <= last / chunk_bytes; ++chunk)
      ever_[chunk] = lately_[chunk] = true;
  }
  // All that was ever written is to be taken again.
  void begin() { lately_ = ever_; }
  // What was written since it was taken last, by rising offset, neighbours joined.
  std::vector<ByteRange> take() {
    std::vector<ByteRange> ranges;
    for (std::uint64_t chunk = 0; chunk < lately_.size(); ++chunk) {
      if (!lately_[chunk]) continue;
      lately_[chunk] = false;
      const std::uint64_t at = chunk * chunk_bytes, bytes = std::min(chunk_bytes, bytes_ - at);
      if (!ranges.empty() && ranges.back().offset + ranges.back().bytes == at) ranges.back().bytes += bytes;
      else ranges.push_back({at, bytes});
    }
    return ranges;
  }

 private:
  std::uint64_t bytes_;
  std::vector<bool> ever_, lately_;
};

}  // namespace sluice::worker
