#include <algorithm>

#include "daemon/worker/dispatch_enqueue.h"
#include "daemon/worker/other_side.h"
#include "wire/image_format.h"

namespace sluice::worker {
namespace {

constexpr std::uint32_t access_bits = wire::device_reads | wire::device_writes;

bool valid_access(std::uint32_t access) { return access != 0 && (access & ~access_bits) == 0; }

constexpr std::string_view used_twice =
    "an id is 0 or was used before, or the records of the program's objects need too much memory";

bool fits_device(const wire::QueueCreate& c, const wire::DeviceTraits& device) {
  if (c.units == 0) return c.first_unit == 0;
  return device.partitionable && c.first_unit < device.compute_units && c.units <= device.compute_units - c.first_unit;
}

// The shape of an image, bounded, in the words of its kind. False: no device could make it.
bool measure(const wire::ImageCreate& c, MemoryEntry& entry) {
  constexpr std::uint64_t side_max = 1ull << 32;
  if (c.kind > static_cast<std::uint32_t>(wire::ImageKind::d3)) return false;  // before it is cut to 8 bits
  entry.pixel_bytes = wire::pixel_bytes(c.channel_order, c.channel_type);
  const auto rows = [&] { return c.kind == static_cast<std::uint32_t>(wire::ImageKind::d1_array) ? c.layers : 1; };
  switch (static_cast<wire::ImageKind>(c.kind)) {
    case wire::ImageKind::d1:
    case wire::ImageKind::d1_buffer:
    case wire::ImageKind::d1_array: entry.extent = {c.width, rows(), 1}; break;
    case wire::ImageKind::d2: entry.extent = {c.width, c.height, 1}; break;
    case wire::ImageKind::d2_array: entry.extent = {c.width, c.height, c.layers}; break;
    case wire::ImageKind::d3: entry.extent = {c.width, c.height, c.depth}; break;
    default: return false;
  }
  const auto [x, y, z] = entry.extent;
  for (const std::uint64_t side : {x, y, z, c.row_pitch})
    if (side > side_max) return false;
  return x != 0 && y != 0 && z != 0 && entry.pixel_bytes != 0 && y * z <= side_max;
}

// Bytes from the first pixel to the end of the last, or nothing if they do not fit the pitches or 63 bits.
std::optional<std::uint64_t> image_bytes(const wire::ImageCreate& c, const MemoryEntry& entry) {
  const auto [x, y, z] = entry.extent;
  const std::uint64_t packed_row = x * entry.pixel_bytes;
  const std::uint64_t row = c.row_pitch != 0 ? c.row_pitch : packed_row;
  if (row < packed_row) return std::nullopt;
  // Layers of 1D images are a slice pitch apart, as layers of 2D images are.
  const bool layered_rows = c.kind == static_cast<std::uint32_t>(wire::ImageKind::d1_array);
  const unsigned __int128 packed_slice = layered_rows ? row : static_cast<unsigned __int128>(row) * y;
  const unsigned __int128 slice = c.slice_pitch != 0 ? c.slice_pitch : packed_slice;
  if (slice < packed_slice) return std::nullopt;
  const unsigned __int128 bytes = slice * (layered_rows ? y : z);
  return bytes <= INT64_MAX ? std::optional(static_cast<std::uint64_t>(bytes)) : std::nullopt;
}

}  // namespace

Result<ReplyPlace> Dispatcher::reply_place(const wire::CallHeader& call) const {
  ReplyPlace place;
  place.slot = handed_over(arena_.slot<wire::ReplySlot>(call.reply_at));
  const auto room = arena_.range(call.data_at, call.data_bytes);
  if (place.slot == nullptr || !room) return fault("a call's answer would be outside the arena");
  place.room = *room;
  return place;
}

// ---- memory ----

Status Dispatcher::buffer_create(Bytes bytes) {
  wire::BufferCreate command;
  take(bytes, command);
  auto place = reply_place(command.call);
  if (!place.ok()) return place.status();
  std::span<std::byte> host;
  if (command.arena_at != wire::nowhere) {
    const auto range = memory_at(command.arena_at, command.bytes);
    if (!range) return fault("a buffer is outside the arena");
    host = *range;
  }
  MemoryEntry entry;
  const Outcome outcome = make_buffer(command, host, entry);
  if (outcome == Outcome::ok && objects_.insert(command.id, std::move(entry)) == nullptr) return fault(used_twice);
  place.value().answer(outcome);
  return Status();
}

Outcome Dispatcher::make_buffer(const wire::BufferCreate& command, std::span<std::byte> host, MemoryEntry& entry) {
  if (!objects_.has_room<MemoryEntry>()) return Outcome::out_of_host_memory;
  const wire::DeviceTraits& traits = device_.traits();
  if (command.bytes == 0 || !valid_access(command.access)) return Outcome::invalid_value;
  if (traits.buffers_in_arena != (command.arena_at != wire::nowhere)) return Outcome::invalid_value;
  if (!host.empty() && command.arena_at % std::max(1u, traits.base_address_align_bits / 8) != 0)
    return Outcome::invalid_value;
  entry.charge = books_.charge(command.bytes);
  if (entry.charge == nullptr) return Outcome::quota_exceeded;
  entry.bytes = command.bytes;
  auto made = device_.create_buffer(command.bytes, host, command.access);
  entry.memory = std::move(made.object);
  return made.outcome;
}

Status Dispatcher::sub_buffer_create(Bytes bytes) {
  wire::SubBufferCreate command;
  take(bytes, command);
  MemoryEntry entry;
  const MemoryEntry* parent = objects_.find<MemoryEntry>(command.parent);
  if (parent == nullptr || parent->memory == nullptr || parent->is_image || parent->is_part) {
    entry.outcome = Outcome::invalid_object;
  } else if (command.bytes == 0 || command.origin > parent->bytes || command.bytes > parent->bytes - command.origin ||
             !valid_access(command.access)) {
    entry.outcome = Outcome::invalid_value;
  } else {
    auto made = device_.create_sub_buffer(*parent->memory, command.origin, command.bytes, command.access);
    entry.outcome = made.outcome;
    entry.memory = std::move(made.object);
    entry.charge = parent->charge;
  }
  entry.bytes = command.bytes;
  entry.is_part = true;
  return objects_.insert(command.id, std::move(entry)) != nullptr ? Status() : fault(used_twice);
}

Status Dispatcher::image_create(Bytes bytes) {
  wire::ImageCreate command;
  take(bytes, command);
  auto place = reply_place(command.call);
  if (!place.ok()) return place.status();
  if (command.arena_at != wire::nowhere && !arena_.range(command.arena_at, 0))
    return fault("an image is outside the arena");
  MemoryEntry entry;
  const Outcome outcome = make_image(command, entry);
  if (outcome == Outcome::ok && objects_.insert(command.id, std::move(entry)) == nullptr) return fault(used_twice);
  place.value().answer(outcome);
  return Status();
}

bool Dispatcher::offers_format(const wire::ImageCreate& command) const {
  const auto& formats = device_.traits().image_formats;
  return std::any_of(formats.begin(), formats.end(), [&](const wire::ImageFormat& format) {
    return format.kind == static_cast<wire::ImageKind>(command.kind) && format.channel_order == command.channel_order &&
           format.channel_type == command.channel_type;
  });
}

// Where the image's pixels are: in the arena, in a buffer, or wherever the device likes.
Outcome Dispatcher::image_home(const wire::ImageCreate& command, const MemoryEntry& entry,
                               std::span<std::byte>& host) const {
  const auto bytes = image_bytes(command, entry);
  if (!bytes) return Outcome::invalid_image_size;
  if (command.arena_at == wire::nowhere) return device_.traits().images_in_arena ? Outcome::invalid_value : Outcome::ok;
  const auto range = memory_at(command.arena_at, *bytes);
  if (!range || !device_.traits().images_in_arena) return Outcome::invalid_value;
  host = *range;
  return Outcome::ok;
}

Outcome Dispatcher::make_image(const wire::ImageCreate& command, MemoryEntry& entry) {
  entry.is_image = true;
  if (!objects_.has_room<MemoryEntry>()) return Outcome::out_of_host_memory;
  if (!valid_access(command.access)) return Outcome::invalid_value;
  if (!measure(command, entry)) return Outcome::invalid_image_size;
  if (!offers_format(command)) return Outcome::image_format_unsupported;
  const backend::ImageShape shape{static_cast<wire::ImageKind>(command.kind),
                                  command.channel_order,
                                  command.channel_type,
                                  command.width,
                                  command.height,
                                  command.depth,
                                  command.layers,
                                  command.row_pitch,
                                  command.slice_pitch};
  std::span<std::byte> host;
  backend::Memory* below = nullptr;
  if (command.buffer != 0) {
    const MemoryEntry* buffer = objects_.find<MemoryEntry>(command.buffer);
    if (buffer == nullptr || buffer->memory == nullptr || buffer->is_image) return Outcome::invalid_object;
    const auto bytes = image_bytes(command, entry);
    if (!bytes || *bytes > buffer->bytes) return Outcome::invalid_image_size;
    below = buffer->memory.get();
    entry.is_part = true;
    entry.charge = buffer->charge;
  } else {
    if (shape.kind == wire::ImageKind::d1_buffer) return Outcome::invalid_value;
    if (const Outcome outcome = image_home(command, entry, host); outcome != Outcome::ok) return outcome;
    entry.charge = books_.charge(std::max(command.bytes, *image_bytes(command, entry)));
    if (entry.charge == nullptr) return Outcome::quota_exceeded;
  }
  auto made = device_.create_image(shape, host, below, command.access);
  entry.memory = std::move(made.object);
  return made.outcome;
}

Status Dispatcher::sampler_create(Bytes bytes) {
  wire::SamplerCreate command;
  take(bytes, command);
  SamplerEntry entry;
  auto made = device_.create_sampler({command.normalized != 0, command.addressing_mode, command.filter_mode});
  entry.outcome = made.outcome;
  entry.sampler = std::move(made.object);
  return objects_.insert(command.id, std::move(entry)) != nullptr ? Status() : fault(used_twice);
}

// ---- queues and events ----

Status Dispatcher::queue_create(Bytes bytes) {
  wire::QueueCreate command;
  take(bytes, command);
  auto* timeline = handed_over(arena_.slot<wire::TimelineSlot>(command.timeline_at));
  if (timeline == nullptr) return fault("a queue's timeline is outside the arena");
  if (command.out_of_order > 1) return fault("a queue is neither in order nor out of order");
  if (!fits_device(command, device_.traits())) return fault("a queue on compute units that the device does not have");
  if (objects_.find_any(command.id) != nullptr) return fault(used_twice);
  QueueEntry entry;
  auto made = device_.create_queue({command.out_of_order != 0, command.first_unit, command.units});
  entry.outcome = made.outcome;
  entry.queue = std::move(made.object);
  entry.progress = &completions_.open(*timeline, command.out_of_order != 0);
  entry.out_of_order = command.out_of_order != 0;
  return objects_.insert(command.id, std::move(entry)) != nullptr ? Status() : fault(used_twice);
}

Status Dispatcher::user_event_create(Bytes bytes) {
  wire::UserEventCreate command;
  take(bytes, command);
  EventEntry entry;
  auto made = device_.create_user_event();
  entry.outcome = made.outcome;
  entry.event = std::move(made.object);
  entry.user = entry.pending = true;
  return objects_.insert(command.id, std::move(entry)) != nullptr ? Status() : fault(used_twice);
}

Status Dispatcher::user_event_set(Bytes bytes) {
  wire::UserEventSet command;
  take(bytes, command);
  EventEntry* entry = objects_.find<EventEntry>(command.id);
  if (entry == nullptr || !entry->user) return Status();
  entry->pending = false;
  if (entry->event != nullptr) device_.set_user_event(*entry->event, command.failed != 0);
  return settle();
}

// ---- release ----

// The driver's object goes now, as far as the driver lets it; the charge goes when no command can use it any more.
Status Dispatcher::drop(MemoryEntry& entry) {
  entry.memory.reset();
  return completions_.release_after_all(entry.charge)
             ? Status()
             : fault("too many released objects wait for the commands that may use them");
}

void Dispatcher::drop(QueueEntry& entry) {
  flush();
  completions_.close(*entry.progress);
}

Status Dispatcher::object_release(Bytes bytes) {
  wire::ObjectRelease command;
  take(bytes, command);
  Entry* entry = objects_.find_any(command.id);
  if (entry == nullptr) return Status();  // its creation failed, or the program released it twice
  if (auto* memory = std::get_if<MemoryEntry>(entry))
    if (Status dropped = drop(*memory); !dropped.ok()) return dropped;
  if (auto* queue = std::get_if<QueueEntry>(entry)) drop(*queue);
  objects_.erase(command.id);
  return Status();
}

}  // namespace sluice::worker
