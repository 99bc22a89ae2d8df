#include "daemon/worker/executor_objects.h"

#include <algorithm>
#include <utility>

#include "daemon/worker/fault.h"

namespace sluice::worker {
namespace {

constexpr std::uint32_t access_bits = wire::device_reads | wire::device_writes;

bool valid_access(std::uint32_t access) { return access != 0 && (access & ~access_bits) == 0; }

bool fits_device(const wire::QueueCreate& c, const wire::DeviceTraits& device) {
  if (c.units == 0) return c.first_unit == 0;
  return device.partitionable && c.first_unit < device.compute_units && c.units <= device.compute_units - c.first_unit;
}

backend::ImageShape shape_of(const wire::ImageCreate& c) {
  return {.kind = static_cast<wire::ImageKind>(c.kind),
          .channel_order = c.channel_order,
          .channel_type = c.channel_type,
          .width = c.width,
          .height = c.height,
          .depth = c.depth,
          .layers = c.layers,
          .row_pitch = c.row_pitch,
          .slice_pitch = c.slice_pitch};
}

template <typename T, typename Create>
Status keep(ObjectTable& objects, const Create& create, T entry, ObjectId made_from = 0) {
  Creation creation{create};
  if (RecordRef record = objects.record(made_from)) creation.made_from.push_back(std::move(record));
  return objects.insert(create.id, std::move(entry), std::move(creation)) != nullptr ? Status() : fault(used_twice);
}

}  // namespace

// ---- buffers ----

Status ObjectExecutor::execute(const wire::BufferCreate& create) {
  const ReplyPlace place = to_.reply_place(create.call);
  MemoryEntry entry;
  const Outcome outcome = make_buffer(create, entry);
  if (outcome == Outcome::ok) SLUICE_TRY(keep(to_.objects, create, std::move(entry)));
  place.answer(outcome);
  return Status();
}

Outcome ObjectExecutor::make_buffer(const wire::BufferCreate& create, MemoryEntry& entry) {
  if (!to_.objects.has_room<MemoryEntry>()) return Outcome::out_of_host_memory;
  const wire::DeviceTraits& traits = to_.device.traits();
  const bool in_arena = create.arena_at != wire::no_offset;
  if (create.bytes == 0 || !valid_access(create.access) || traits.buffers_in_arena != in_arena)
    return Outcome::invalid_value;
  if (in_arena && create.arena_at % std::max(1u, traits.base_address_align_bits / 8) != 0)
    return Outcome::invalid_value;
  entry.charge = to_.account.charge(create.bytes);
  if (entry.charge == nullptr) return Outcome::quota_exceeded;
  entry.bytes = create.bytes;
  entry.access = create.access;
  if (!in_arena) entry.written = std::make_shared<WrittenRanges>(create.bytes);
  const auto host = in_arena ? to_.memory_at(create.arena_at, create.bytes) : std::span<std::byte>();
  auto made = to_.device.create_buffer(create.bytes, host, create.access);
  entry.memory = std::move(made.object);
  return made.outcome;
}

Status ObjectExecutor::execute(const wire::SubBufferCreate& create) {
  MemoryEntry entry;
  entry.bytes = create.bytes;
  entry.is_part = true;
  entry.outcome = make_sub_buffer(create, entry);
  return keep(to_.objects, create, std::move(entry), create.parent);
}

Outcome ObjectExecutor::make_sub_buffer(const wire::SubBufferCreate& create, MemoryEntry& entry) {
  const MemoryEntry* parent = to_.objects.find<MemoryEntry>(create.parent);
  if (parent == nullptr || parent->memory == nullptr || parent->is_image || parent->is_part)
    return Outcome::invalid_object;
  const bool inside = create.origin <= parent->bytes && create.bytes <= parent->bytes - create.origin;
  if (create.bytes == 0 || !inside || !valid_access(create.access)) return Outcome::invalid_value;
  auto made = to_.device.create_sub_buffer(*parent->memory, create.origin, create.bytes, create.access);
  entry.memory = std::move(made.object);
  entry.charge = parent->charge;
  entry.access = create.access;
  entry.written = parent->written;
  entry.origin = create.origin;
  return made.outcome;
}

// ---- images ----

Status ObjectExecutor::execute(const wire::ImageCreate& create) {
  const ReplyPlace place = to_.reply_place(create.call);
  MemoryEntry entry;
  const Outcome outcome = make_image(create, entry);
  if (outcome == Outcome::ok) SLUICE_TRY(keep(to_.objects, create, std::move(entry), create.buffer));
  place.answer(outcome);
  return Status();
}

bool ObjectExecutor::offers_format(const wire::ImageCreate& create) const {
  const auto& formats = to_.device.traits().image_formats;
  return std::any_of(formats.begin(), formats.end(), [&](const wire::ImageFormat& format) {
    return format.kind == static_cast<wire::ImageKind>(create.kind) && format.channel_order == create.channel_order &&
           format.channel_type == create.channel_type;
  });
}

Outcome ObjectExecutor::make_image(const wire::ImageCreate& create, MemoryEntry& entry) {
  if (!to_.objects.has_room<MemoryEntry>()) return Outcome::out_of_host_memory;
  if (!valid_access(create.access)) return Outcome::invalid_value;
  const auto extent = extent_of(create);
  if (!extent) return Outcome::invalid_image_size;
  if (!offers_format(create)) return Outcome::image_format_unsupported;
  entry.is_image = true;
  entry.extent = *extent;
  entry.access = create.access;
  const auto bytes = image_bytes(create, *extent);
  std::span<std::byte> host;
  backend::Memory* buffer = nullptr;
  const Outcome placed = create.buffer != 0 ? image_over_buffer(create, bytes.value_or(UINT64_MAX), entry, buffer)
                                            : image_of_its_own(create, bytes.value_or(UINT64_MAX), entry, host);
  if (placed != Outcome::ok) return placed;
  auto made = to_.device.create_image(shape_of(create), host, buffer, create.access);
  entry.memory = std::move(made.object);
  return made.outcome;
}

Outcome ObjectExecutor::image_over_buffer(const wire::ImageCreate& create, std::uint64_t bytes, MemoryEntry& entry,
                                          backend::Memory*& buffer) {
  const MemoryEntry* below = to_.objects.find<MemoryEntry>(create.buffer);
  if (below == nullptr || below->memory == nullptr || below->is_image) return Outcome::invalid_object;
  if (bytes > below->bytes) return Outcome::invalid_image_size;
  buffer = below->memory.get();
  entry.bytes = bytes;
  entry.is_part = true;
  entry.charge = below->charge;
  entry.written = below->written;
  entry.origin = below->origin;
  return Outcome::ok;
}

// In the arena, or where the device likes.
Outcome ObjectExecutor::image_of_its_own(const wire::ImageCreate& create, std::uint64_t bytes, MemoryEntry& entry,
                                         std::span<std::byte>& host) {
  if (static_cast<wire::ImageKind>(create.kind) == wire::ImageKind::d1_buffer) return Outcome::invalid_value;
  if (bytes > INT64_MAX) return Outcome::invalid_image_size;
  const bool in_arena = create.arena_at != wire::no_offset;
  if (to_.device.traits().images_in_arena != in_arena) return Outcome::invalid_value;
  if (in_arena) {
    if (!to_.arena.range(create.arena_at, bytes)) return Outcome::invalid_value;
    host = to_.memory_at(create.arena_at, bytes);
  }
  entry.charge = to_.account.charge(std::max(create.bytes, bytes));
  if (entry.charge == nullptr) return Outcome::quota_exceeded;
  entry.bytes = bytes;
  if (!in_arena) entry.written = std::make_shared<WrittenRanges>(bytes);
  return Outcome::ok;
}

// ---- samplers, queues, events ----

Status ObjectExecutor::execute(const wire::SamplerCreate& create) {
  auto made = to_.device.create_sampler({create.normalized != 0, create.addressing_mode, create.filter_mode});
  return keep(to_.objects, create, SamplerEntry{made.outcome, std::move(made.object)});
}

Status ObjectExecutor::execute(const wire::QueueCreate& create) {
  if (!fits_device(create, to_.device.traits())) return fault("a queue on compute units that the device does not have");
  if (to_.objects.find_any(create.id) != nullptr) return fault(used_twice);
  const bool out_of_order = create.out_of_order != 0;
  auto made = to_.device.create_queue({out_of_order, create.first_unit, create.units});
  QueueEntry entry;
  entry.outcome = made.outcome;
  entry.queue = std::move(made.object);
  entry.progress = &to_.completions.open(*to_.slot_at<wire::TimelineSlot>(create.timeline_at), out_of_order);
  entry.out_of_order = out_of_order;
  return keep(to_.objects, create, std::move(entry));
}

Status ObjectExecutor::execute(const wire::UserEventCreate& create) {
  auto made = to_.device.create_user_event();
  EventEntry entry;
  entry.outcome = made.outcome;
  entry.event = std::move(made.object);
  entry.user = entry.pending = true;
  return keep(to_.objects, create, std::move(entry));
}

Status ObjectExecutor::execute(const wire::UserEventSet& set) {
  EventEntry* entry = to_.objects.find<EventEntry>(set.id);
  if (entry == nullptr || !entry->user) return Status();
  entry->pending = false;
  entry->failed = set.failed != 0;
  if (entry->event != nullptr) to_.device.set_user_event(*entry->event, set.failed != 0);
  return Status();
}

// ---- release ----

// The driver's object goes now, as far as the driver lets it; the charge goes when no command can use it any more.
Status ObjectExecutor::execute(const wire::ObjectRelease& release) {
  Entry* entry = to_.objects.find_any(release.id);
  if (entry == nullptr) return Status();
  if (auto* memory = std::get_if<MemoryEntry>(entry)) {
    memory->memory.reset();
    if (!to_.completions.release_after_all(memory->charge))
      return fault("too many released objects wait for the commands that may use them");
  }
  if (auto* queue = std::get_if<QueueEntry>(entry)) to_.completions.close(*queue->progress);
  to_.objects.erase(release.id);
  return Status();
}

}  // namespace sluice::worker
