#include "daemon/worker/executor_transfers.h"

#include <algorithm>

#include "daemon/worker/fault.h"
#include "daemon/worker/rectangles.h"

namespace sluice::worker {
namespace {

using wire::Box;
using How = const backend::Submission&;

constexpr std::string_view outside = "the data of a command is outside the arena";

Outcome first_wrong(Outcome a, Outcome b) { return a != Outcome::ok ? a : b; }

SubmitResult faulty(std::string_view why) { return {.status = fault(why)}; }

backend::BufferRows rows_of(const wire::BufferRect& rect) {
  return {rect.origin, rect.region, rect.row_pitch, rect.slice_pitch};
}

}  // namespace

// ---- what a command may touch ----

TransferExecutor::Operand TransferExecutor::buffer_range(ObjectId id, std::uint64_t offset, std::uint64_t bytes) const {
  const MemoryEntry* entry = to_.objects.find<MemoryEntry>(id);
  if (entry == nullptr || entry->is_image) return {nullptr, Outcome::invalid_object};
  if (entry->memory == nullptr) return {nullptr, entry->outcome};
  if (bytes == 0 || offset > entry->bytes || bytes > entry->bytes - offset) return {nullptr, Outcome::invalid_value};
  return {entry->memory.get(), Outcome::ok};
}

TransferExecutor::Operand TransferExecutor::buffer_rows(ObjectId id, const backend::BufferRows& rows) const {
  const auto end = end_of(rows);
  if (!end) return {nullptr, Outcome::invalid_value};
  return buffer_range(id, 0, *end);
}

TransferExecutor::Operand TransferExecutor::image_box(ObjectId id, const Box& origin, const Box& region) const {
  const MemoryEntry* entry = to_.objects.find<MemoryEntry>(id);
  if (entry == nullptr || !entry->is_image) return {nullptr, Outcome::invalid_object};
  if (!inside(origin, region, entry->extent.box)) return {nullptr, Outcome::invalid_value};
  const auto packed = packed_bytes(region, entry->extent.pixel_bytes);
  if (!packed) return {nullptr, Outcome::invalid_value};
  return {entry->memory.get(), Outcome::ok, *packed};
}

// ---- buffers ----

SubmitResult TransferExecutor::submit(const wire::BufferWrite& write, const Command& command, const Part& part) {
  std::span<const std::byte> src;
  std::unique_ptr<std::byte[]> owned;
  if (write.arena_at == wire::no_offset) {
    owned = std::make_unique_for_overwrite<std::byte[]>(command.data.size());
    std::copy(command.data.begin(), command.data.end(), owned.get());
    src = {owned.get(), command.data.size()};
  } else {
    src = to_.memory_at(write.arena_at, write.bytes);
  }
  const Operand dst = buffer_range(write.buffer, write.dst_offset, write.bytes);
  return enqueuer_.submit(
      write.enqueue, command, part, dst.outcome, {Work::to_device, write.bytes},
      [&](How how) {
        to_.note_written(write.buffer, write.dst_offset, write.bytes);
        return to_.device.write_buffer(how, *dst.memory, write.dst_offset, src);
      },
      std::move(owned));
}

SubmitResult TransferExecutor::submit(const wire::BufferRead& read, const Command& command, const Part& part) {
  const auto dst = to_.memory_at(read.arena_at, read.bytes);
  const Operand src = buffer_range(read.buffer, read.src_offset, read.bytes);
  return enqueuer_.submit(read.enqueue, command, part, src.outcome, {Work::from_device, read.bytes},
                          [&](How how) { return to_.device.read_buffer(how, *src.memory, read.src_offset, dst); });
}

SubmitResult TransferExecutor::submit(const wire::BufferCopy& copy, const Command& command, const Part& part) {
  const Operand src = buffer_range(copy.src, copy.src_offset, copy.bytes);
  const Operand dst = buffer_range(copy.dst, copy.dst_offset, copy.bytes);
  return enqueuer_.submit(copy.enqueue, command, part, first_wrong(src.outcome, dst.outcome), {}, [&](How how) {
    to_.note_written(copy.dst, copy.dst_offset, copy.bytes);
    return to_.device.copy_buffer(how, *src.memory, copy.src_offset, *dst.memory, copy.dst_offset, copy.bytes);
  });
}

SubmitResult TransferExecutor::submit(const wire::BufferFill& fill, const Command& command, const Part& part) {
  const std::size_t pattern_bytes = command.data.size();
  Operand dst = buffer_range(fill.buffer, fill.offset, fill.bytes);
  const bool power_of_two = pattern_bytes != 0 && (pattern_bytes & (pattern_bytes - 1)) == 0;
  if (!power_of_two || fill.offset % pattern_bytes != 0 || fill.bytes % pattern_bytes != 0)
    dst.outcome = Outcome::invalid_value;
  return enqueuer_.submit(fill.enqueue, command, part, dst.outcome, {}, [&](How how) {
    to_.note_written(fill.buffer, fill.offset, fill.bytes);
    return to_.device.fill_buffer(how, *dst.memory, fill.offset, fill.bytes, command.data);
  });
}

// ---- rectangles of buffers ----

SubmitResult TransferExecutor::submit(const wire::BufferWriteRect& write, const Command& command, const Part& part) {
  const backend::BufferRows rows = rows_of(write);
  const Operand dst = buffer_rows(write.buffer, rows);
  const auto packed = packed_bytes(write.region);
  const auto src = to_.memory_at(write.arena_at, packed.value_or(0));
  return enqueuer_.submit(write.enqueue, command, part, packed ? dst.outcome : Outcome::invalid_value,
                          {Work::to_device, packed.value_or(0)}, [&](How how) {
                            to_.note_written(write.buffer);
                            return to_.device.write_buffer_rect(how, *dst.memory, rows, src);
                          });
}

SubmitResult TransferExecutor::submit(const wire::BufferReadRect& read, const Command& command, const Part& part) {
  const backend::BufferRows rows = rows_of(read);
  const Operand src = buffer_rows(read.buffer, rows);
  const auto packed = packed_bytes(read.region);
  const auto dst = to_.memory_at(read.arena_at, packed.value_or(0));
  return enqueuer_.submit(read.enqueue, command, part, packed ? src.outcome : Outcome::invalid_value,
                          {Work::from_device, packed.value_or(0)},
                          [&](How how) { return to_.device.read_buffer_rect(how, *src.memory, rows, dst); });
}

SubmitResult TransferExecutor::submit(const wire::BufferCopyRect& copy, const Command& command, const Part& part) {
  const backend::BufferRows from{copy.src_origin, copy.region, copy.src_row_pitch, copy.src_slice_pitch};
  const backend::BufferRows to{copy.dst_origin, copy.region, copy.dst_row_pitch, copy.dst_slice_pitch};
  const Operand src = buffer_rows(copy.src, from);
  const Operand dst = buffer_rows(copy.dst, to);
  return enqueuer_.submit(copy.enqueue, command, part, first_wrong(src.outcome, dst.outcome), {}, [&](How how) {
    to_.note_written(copy.dst);
    return to_.device.copy_buffer_rect(how, *src.memory, from, *dst.memory, to);
  });
}

// ---- images ----

// How long a box is packed depends on its image: only here can its place in the arena be checked.
SubmitResult TransferExecutor::submit(const wire::ImageWrite& write, const Command& command, const Part& part) {
  const Operand dst = image_box(write.image, write.origin, write.region);
  if (!to_.arena.range(write.arena_at, dst.packed_bytes)) return faulty(outside);
  const auto src = to_.memory_at(write.arena_at, dst.packed_bytes);
  return enqueuer_.submit(write.enqueue, command, part, dst.outcome, {Work::to_device, dst.packed_bytes}, [&](How how) {
    to_.note_written(write.image);
    return to_.device.write_image(how, *dst.memory, write.origin, write.region, src);
  });
}

SubmitResult TransferExecutor::submit(const wire::ImageRead& read, const Command& command, const Part& part) {
  const Operand src = image_box(read.image, read.origin, read.region);
  if (!to_.arena.range(read.arena_at, src.packed_bytes)) return faulty(outside);
  const auto dst = to_.memory_at(read.arena_at, src.packed_bytes);
  return enqueuer_.submit(
      read.enqueue, command, part, src.outcome, {Work::from_device, src.packed_bytes},
      [&](How how) { return to_.device.read_image(how, *src.memory, read.origin, read.region, dst); });
}

SubmitResult TransferExecutor::submit(const wire::ImageCopy& copy, const Command& command, const Part& part) {
  const Operand src = image_box(copy.src, copy.src_origin, copy.region);
  const Operand dst = image_box(copy.dst, copy.dst_origin, copy.region);
  return enqueuer_.submit(copy.enqueue, command, part, first_wrong(src.outcome, dst.outcome), {}, [&](How how) {
    to_.note_written(copy.dst);
    return to_.device.copy_image(how, *src.memory, copy.src_origin, *dst.memory, copy.dst_origin, copy.region);
  });
}

SubmitResult TransferExecutor::submit(const wire::ImageFill& fill, const Command& command, const Part& part) {
  const Operand dst = image_box(fill.image, fill.origin, fill.region);
  return enqueuer_.submit(fill.enqueue, command, part, dst.outcome, {}, [&](How how) {
    to_.note_written(fill.image);
    return to_.device.fill_image(how, *dst.memory, fill.origin, fill.region, fill.color);
  });
}

SubmitResult TransferExecutor::submit(const wire::ImageToBuffer& copy, const Command& command, const Part& part) {
  const Operand image = image_box(copy.image, copy.origin, copy.region);
  const Operand buffer = buffer_range(copy.buffer, copy.buffer_offset, image.packed_bytes);
  return enqueuer_.submit(copy.enqueue, command, part, first_wrong(image.outcome, buffer.outcome), {}, [&](How how) {
    to_.note_written(copy.buffer, copy.buffer_offset, image.packed_bytes);
    return to_.device.copy_image_to_buffer(how, *image.memory, copy.origin, copy.region, *buffer.memory,
                                           copy.buffer_offset);
  });
}

SubmitResult TransferExecutor::submit(const wire::BufferToImage& copy, const Command& command, const Part& part) {
  const Operand image = image_box(copy.image, copy.origin, copy.region);
  const Operand buffer = buffer_range(copy.buffer, copy.buffer_offset, image.packed_bytes);
  return enqueuer_.submit(copy.enqueue, command, part, first_wrong(image.outcome, buffer.outcome), {}, [&](How how) {
    to_.note_written(copy.image);
    return to_.device.copy_buffer_to_image(how, *buffer.memory, copy.buffer_offset, *image.memory, copy.origin,
                                           copy.region);
  });
}

}  // namespace sluice::worker
