#include "daemon/worker/dispatch_enqueue.h"

namespace sluice::worker {
namespace {

using wire::Box;

constexpr std::string_view cut_short = "an enqueued command is cut short";
constexpr std::string_view outside = "the data of a command is outside the arena";

// The bytes of x * y * z rows, or nothing if there are none or they do not fit into 63 bits.
std::optional<std::uint64_t> volume(std::uint64_t x, std::uint64_t y, std::uint64_t z) {
  if (x == 0 || y == 0 || z == 0) return std::nullopt;
  const unsigned __int128 rows = static_cast<unsigned __int128>(y) * z;
  if (rows > INT64_MAX) return std::nullopt;
  const unsigned __int128 bytes = rows * x;
  return bytes <= INT64_MAX ? std::optional(static_cast<std::uint64_t>(bytes)) : std::nullopt;
}

bool inside(std::uint64_t origin, std::uint64_t region, std::uint64_t extent) {
  return region != 0 && origin < extent && region <= extent - origin;
}

// One past the last byte that the rows touch, or nothing if that does not fit into 63 bits or the pitches are too
// small.
std::optional<std::uint64_t> end_of(const backend::BufferRows& rows) {
  const auto& [origin, region, row_pitch, slice_pitch] = rows;
  constexpr std::uint64_t limit = 1ull << 40;
  for (const std::uint64_t value : {origin.x, origin.y, origin.z, region.x, region.y, region.z, row_pitch})
    if (value > limit) return std::nullopt;
  if (region.x == 0 || region.y == 0 || region.z == 0 || row_pitch < region.x) return std::nullopt;
  const auto row = static_cast<unsigned __int128>(row_pitch);
  const auto slice = static_cast<unsigned __int128>(slice_pitch);
  if (slice < row * region.y) return std::nullopt;
  const unsigned __int128 end =
      (slice * (origin.z + region.z - 1)) + (row * (origin.y + region.y - 1)) + origin.x + region.x;
  return end <= INT64_MAX ? std::optional(static_cast<std::uint64_t>(end)) : std::nullopt;
}

}  // namespace

// ---- what a command may touch ----

Dispatcher::Place Dispatcher::buffer_range(ObjectId id, std::uint64_t offset, std::uint64_t bytes) {
  const MemoryEntry* entry = objects_.find<MemoryEntry>(id);
  if (entry == nullptr || entry->is_image) return {nullptr, Outcome::invalid_object};
  if (entry->memory == nullptr) return {nullptr, entry->outcome};
  if (bytes == 0 || offset > entry->bytes || bytes > entry->bytes - offset) return {nullptr, Outcome::invalid_value};
  return {entry->memory.get(), Outcome::ok};
}

Dispatcher::Place Dispatcher::buffer_rows(ObjectId id, const backend::BufferRows& rows) {
  const auto end = end_of(rows);
  if (!end) return {nullptr, Outcome::invalid_value};
  return buffer_range(id, 0, *end);
}

// `bytes`: where the size of the box, packed, goes.
Dispatcher::Place Dispatcher::image_box(ObjectId id, const Box& origin, const Box& region, std::uint64_t* bytes) {
  const MemoryEntry* entry = objects_.find<MemoryEntry>(id);
  if (entry == nullptr || !entry->is_image) return {nullptr, Outcome::invalid_object};
  const Box& extent = entry->extent;
  if (!inside(origin.x, region.x, extent.x) || !inside(origin.y, region.y, extent.y) ||
      !inside(origin.z, region.z, extent.z))
    return {nullptr, Outcome::invalid_value};
  const auto packed = volume(region.x * entry->pixel_bytes, region.y, region.z);
  if (!packed) return {nullptr, Outcome::invalid_value};
  if (bytes != nullptr) *bytes = *packed;
  return {entry->memory.get(), Outcome::ok};
}

// ---- buffers ----

Status Dispatcher::buffer_write(Bytes bytes) {
  wire::BufferWrite command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  Bytes src;
  std::unique_ptr<std::byte[]> owned;
  if (command.arena_at == wire::nowhere) {
    if (command.bytes > wire::inline_write_bytes_max || command.bytes > trail.data.size())
      return fault("a write has less data with it than it says");
    owned = std::make_unique_for_overwrite<std::byte[]>(command.bytes);
    std::copy_n(trail.data.begin(), command.bytes, owned.get());
    src = {owned.get(), command.bytes};
  } else {
    const auto range = memory_at(command.arena_at, command.bytes);
    if (!range) return fault(outside);
    src = *range;
  }
  const Place dst = buffer_range(command.buffer, command.dst_offset, command.bytes);
  return enqueue(
      command.enqueue, dst.outcome, {Work::to_device, command.bytes},
      [&](const backend::Submission& how) { return device_.write_buffer(how, *dst.memory, command.dst_offset, src); },
      std::move(owned));
}

Status Dispatcher::buffer_read(Bytes bytes) {
  wire::BufferRead command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const auto dst = memory_at(command.arena_at, command.bytes);
  if (!dst) return fault(outside);
  const Place src = buffer_range(command.buffer, command.src_offset, command.bytes);
  return enqueue(command.enqueue, src.outcome, {Work::from_device, command.bytes}, [&](const backend::Submission& how) {
    return device_.read_buffer(how, *src.memory, command.src_offset, *dst);
  });
}

Status Dispatcher::buffer_copy(Bytes bytes) {
  wire::BufferCopy command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const Place src = buffer_range(command.src, command.src_offset, command.bytes);
  const Place dst = buffer_range(command.dst, command.dst_offset, command.bytes);
  const Outcome outcome = src.outcome != Outcome::ok ? src.outcome : dst.outcome;
  return enqueue(command.enqueue, outcome, {}, [&](const backend::Submission& how) {
    return device_.copy_buffer(how, *src.memory, command.src_offset, *dst.memory, command.dst_offset, command.bytes);
  });
}

Status Dispatcher::buffer_fill(Bytes bytes) {
  wire::BufferFill command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const std::uint32_t length = command.pattern_bytes;
  if (length > wire::fill_pattern_bytes_max || length > trail.data.size()) return fault("a fill has no whole pattern");
  Place dst = buffer_range(command.buffer, command.offset, command.bytes);
  const bool power_of_two = length != 0 && (length & (length - 1)) == 0;
  if (!power_of_two || command.offset % length != 0 || command.bytes % length != 0)
    dst.outcome = Outcome::invalid_value;
  return enqueue(command.enqueue, dst.outcome, {}, [&](const backend::Submission& how) {
    return device_.fill_buffer(how, *dst.memory, command.offset, command.bytes, trail.data.first(length));
  });
}

// ---- rectangles of buffers ----

Status Dispatcher::buffer_write_rect(Bytes bytes) {
  wire::BufferWriteRect command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const backend::BufferRows rows{command.origin, command.region, command.row_pitch, command.slice_pitch};
  const Place dst = buffer_rows(command.buffer, rows);
  const auto packed = volume(command.region.x, command.region.y, command.region.z);
  const auto src = memory_at(command.arena_at, packed.value_or(0));
  if (!src) return fault(outside);
  return enqueue(
      command.enqueue, packed ? dst.outcome : Outcome::invalid_value, {Work::to_device, packed.value_or(0)},
      [&](const backend::Submission& how) { return device_.write_buffer_rect(how, *dst.memory, rows, *src); });
}

Status Dispatcher::buffer_read_rect(Bytes bytes) {
  wire::BufferReadRect command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const backend::BufferRows rows{command.origin, command.region, command.row_pitch, command.slice_pitch};
  const Place src = buffer_rows(command.buffer, rows);
  const auto packed = volume(command.region.x, command.region.y, command.region.z);
  const auto dst = memory_at(command.arena_at, packed.value_or(0));
  if (!dst) return fault(outside);
  return enqueue(
      command.enqueue, packed ? src.outcome : Outcome::invalid_value, {Work::from_device, packed.value_or(0)},
      [&](const backend::Submission& how) { return device_.read_buffer_rect(how, *src.memory, rows, *dst); });
}

Status Dispatcher::buffer_copy_rect(Bytes bytes) {
  wire::BufferCopyRect command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const backend::BufferRows from{command.src_origin, command.region, command.src_row_pitch, command.src_slice_pitch};
  const backend::BufferRows to{command.dst_origin, command.region, command.dst_row_pitch, command.dst_slice_pitch};
  const Place src = buffer_rows(command.src, from);
  const Place dst = buffer_rows(command.dst, to);
  const Outcome outcome = src.outcome != Outcome::ok ? src.outcome : dst.outcome;
  return enqueue(command.enqueue, outcome, {}, [&](const backend::Submission& how) {
    return device_.copy_buffer_rect(how, *src.memory, from, *dst.memory, to);
  });
}

// ---- images ----

Status Dispatcher::image_write(Bytes bytes) {
  wire::ImageWrite command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  std::uint64_t packed = 0;
  const Place dst = image_box(command.image, command.origin, command.region, &packed);
  const auto src = memory_at(command.arena_at, packed);
  if (!src) return fault(outside);
  return enqueue(command.enqueue, dst.outcome, {Work::to_device, packed}, [&](const backend::Submission& how) {
    return device_.write_image(how, *dst.memory, command.origin, command.region, *src);
  });
}

Status Dispatcher::image_read(Bytes bytes) {
  wire::ImageRead command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  std::uint64_t packed = 0;
  const Place src = image_box(command.image, command.origin, command.region, &packed);
  const auto dst = memory_at(command.arena_at, packed);
  if (!dst) return fault(outside);
  return enqueue(command.enqueue, src.outcome, {Work::from_device, packed}, [&](const backend::Submission& how) {
    return device_.read_image(how, *src.memory, command.origin, command.region, *dst);
  });
}

Status Dispatcher::image_copy(Bytes bytes) {
  wire::ImageCopy command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const Place src = image_box(command.src, command.src_origin, command.region);
  const Place dst = image_box(command.dst, command.dst_origin, command.region);
  const Outcome outcome = src.outcome != Outcome::ok ? src.outcome : dst.outcome;
  return enqueue(command.enqueue, outcome, {}, [&](const backend::Submission& how) {
    return device_.copy_image(how, *src.memory, command.src_origin, *dst.memory, command.dst_origin, command.region);
  });
}

Status Dispatcher::image_fill(Bytes bytes) {
  wire::ImageFill command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  const Place dst = image_box(command.image, command.origin, command.region);
  return enqueue(command.enqueue, dst.outcome, {}, [&](const backend::Submission& how) {
    return device_.fill_image(how, *dst.memory, command.origin, command.region, command.color);
  });
}

Status Dispatcher::image_to_buffer(Bytes bytes) {
  wire::ImageToBuffer command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  std::uint64_t packed = 0;
  const Place image = image_box(command.image, command.origin, command.region, &packed);
  const Place buffer = buffer_range(command.buffer, command.buffer_offset, packed);
  const Outcome outcome = image.outcome != Outcome::ok ? image.outcome : buffer.outcome;
  return enqueue(command.enqueue, outcome, {}, [&](const backend::Submission& how) {
    return device_.copy_image_to_buffer(how, *image.memory, command.origin, command.region, *buffer.memory,
                                        command.buffer_offset);
  });
}

Status Dispatcher::buffer_to_image(Bytes bytes) {
  wire::BufferToImage command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  std::uint64_t packed = 0;
  const Place image = image_box(command.image, command.origin, command.region, &packed);
  const Place buffer = buffer_range(command.buffer, command.buffer_offset, packed);
  const Outcome outcome = image.outcome != Outcome::ok ? image.outcome : buffer.outcome;
  return enqueue(command.enqueue, outcome, {}, [&](const backend::Submission& how) {
    return device_.copy_buffer_to_image(how, *buffer.memory, command.buffer_offset, *image.memory, command.origin,
                                        command.region);
  });
}

// ---- neither ----

Status Dispatcher::marker(Bytes bytes) {
  wire::Marker command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  return enqueue(command.enqueue, Outcome::ok, {}, [&](const backend::Submission& how) { return device_.marker(how); });
}

Status Dispatcher::barrier(Bytes bytes) {
  wire::Barrier command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault(cut_short);
  return enqueue(command.enqueue, Outcome::ok, {},
                 [&](const backend::Submission& how) { return device_.barrier(how); });
}

}  // namespace sluice::worker
