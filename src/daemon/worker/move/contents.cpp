#include "daemon/worker/move/contents.h"

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/worker/fault.h"
#include "daemon/worker/rectangles.h"

namespace sluice::worker {
namespace {

// The objects that hold one piece of memory: itself, if the program still has it, and its parts.
struct Holders {
  ObjectId whole = 0;
  std::vector<ObjectId> parts;
};

std::map<WrittenRanges*, Holders> holders_of(ObjectTable& objects) {
  std::map<WrittenRanges*, Holders> holders;
  objects.for_each([&](ObjectId id, const Entry& entry, const RecordRef&) {
    const auto* memory = std::get_if<MemoryEntry>(&entry);
    if (memory == nullptr || memory->memory == nullptr || memory->written == nullptr) return;
    Holders& of = holders[memory->written.get()];
    if (memory->is_part) of.parts.push_back(id);
    else of.whole = id;
  });
  return holders;
}

void add_piece(std::vector<ContentPiece>& pieces, ObjectId id, ByteRange range) {
  while (range.bytes > 0) {
    const std::uint64_t bytes = std::min(range.bytes, content_piece_bytes_max);
    pieces.push_back({id, range.offset, bytes});
    range = {range.offset + bytes, range.bytes - bytes};
  }
}

std::uint64_t packed_bytes_of(const MemoryEntry& image) {
  return packed_bytes(image.extent.box, image.extent.pixel_bytes).value_or(0);
}

// As far as the object has the ranges.
void add_object(std::vector<ContentPiece>& pieces, ObjectId id, const MemoryEntry& memory,
                const std::vector<ByteRange>& ranges) {
  if (memory.is_image) {
    if (!ranges.empty()) pieces.push_back({id, 0, packed_bytes_of(memory)});
    return;
  }
  for (const ByteRange& range : ranges) {
    const std::uint64_t first = std::max(range.offset, memory.origin);
    const std::uint64_t end = std::min(range.offset + range.bytes, memory.origin + memory.bytes);
    if (first < end) add_piece(pieces, id, {first - memory.origin, end - first});
  }
}

// Null: there is no such piece.
MemoryEntry* holder_of(ObjectTable& objects, const ContentPiece& piece) {
  MemoryEntry* memory = objects.find<MemoryEntry>(piece.id);
  if (memory == nullptr || memory->memory == nullptr || memory->written == nullptr || piece.bytes == 0) return nullptr;
  const bool whole_image = memory->is_image && piece.offset == 0 && piece.bytes == packed_bytes_of(*memory);
  const bool in_buffer =
      !memory->is_image && piece.offset <= memory->bytes && piece.bytes <= memory->bytes - piece.offset;
  return whole_image || in_buffer ? memory : nullptr;
}

}  // namespace

void begin_contents(ObjectTable& objects) {
  for (const auto& [written, holders] : holders_of(objects)) written->begin();
}

std::vector<ContentPiece> take_contents(ObjectTable& objects) {
  std::vector<ContentPiece> pieces;
  for (const auto& [written, holders] : holders_of(objects)) {
    const std::vector<ByteRange> ranges = written->take();
    if (holders.whole != 0) {
      add_object(pieces, holders.whole, *objects.find<MemoryEntry>(holders.whole), ranges);
      continue;
    }
    for (const ObjectId part : holders.parts) add_object(pieces, part, *objects.find<MemoryEntry>(part), ranges);
  }
  return pieces;
}

std::uint64_t bytes_of(const std::vector<ContentPiece>& pieces) {
  std::uint64_t sum = 0;
  for (const ContentPiece& piece : pieces) sum += piece.bytes;
  return sum;
}

ContentCopier::~ContentCopier() {
  if (progress_ != nullptr) completions_.close(*progress_);
}

template <typename Submit>
Status ContentCopier::copy(Submit submit, Nanoseconds deadline_ns) {
  if (queue_ == nullptr) {
    auto made = device_.create_queue({});
    if (made.object == nullptr) return Status(Code::internal, "no queue to copy memory with");
    queue_ = std::move(made.object);
    timeline_ = std::make_unique<wire::TimelineSlot>();
    progress_ = &completions_.open(*timeline_, false);
  }
  InFlight& command = completions_.begin(*progress_, nullptr);
  const std::uint64_t sequence = command.sequence;
  const backend::Submitted submitted = submit(backend::Submission{queue_.get(), {}, command.token(), false});
  if (submitted.outcome != Outcome::ok) completions_.failed(command, submitted.outcome);
  else device_.flush(*queue_);
  static const std::atomic<bool> never{false};
  if (!wire::wait_completed(*timeline_, sequence, never, {.deadline_ns = deadline_ns}, {}))
    return Status(Code::deadline_exceeded, "the device does not copy memory");
  const bool failed = timeline_->first_error.load(std::memory_order_acquire) != 0;
  return failed ? Status(Code::internal, "the device cannot copy memory") : Status();
}

Status ContentCopier::read(ObjectTable& objects, const ContentPiece& piece, Nanoseconds deadline_ns,
                           std::vector<std::byte>& bytes) {
  bytes.clear();
  MemoryEntry* memory = holder_of(objects, piece);
  if (memory == nullptr) return Status();
  bytes.resize(piece.bytes);
  return copy(
      [&](const backend::Submission& how) {
        if (memory->is_image) return device_.read_image(how, *memory->memory, {}, memory->extent.box, bytes);
        return device_.read_buffer(how, *memory->memory, piece.offset, bytes);
      },
      deadline_ns);
}

Status ContentCopier::write(ObjectTable& objects, const ContentPiece& piece, std::span<const std::byte> bytes,
                            Nanoseconds deadline_ns) {
  MemoryEntry* memory = holder_of(objects, piece);
  if (memory == nullptr || bytes.size() != piece.bytes)
    return fault("a piece of memory that the session does not have");
  memory->written->note(memory->origin + piece.offset, memory->is_image ? memory->bytes : piece.bytes);
  return copy(
      [&](const backend::Submission& how) {
        if (memory->is_image) return device_.write_image(how, *memory->memory, {}, memory->extent.box, bytes);
        return device_.write_buffer(how, *memory->memory, piece.offset, bytes);
      },
      deadline_ns);
}

}  // namespace sluice::worker
