#include "daemon/worker/dispatch.h"

#include <algorithm>
#include <array>

#include "daemon/worker/dispatch_enqueue.h"
#include "daemon/worker/dispatch_rows.h"
#include "daemon/worker/other_side.h"

namespace sluice::worker {
namespace {

constexpr std::uint32_t flush_every = 64;
constexpr std::uint16_t ops_end = 48;

}  // namespace

Status fault(std::string_view why) { return Status(Code::protocol_fault, std::string(why)); }

// The allow-list. What is not in it is a protocol fault.
const Dispatcher::Row* Dispatcher::row_of(std::uint16_t op) {
  static constexpr auto rows = [] {
    std::array<Row, ops_end> table{};
    const auto row = [&]<typename Command>(Command, Status (Dispatcher::*handler)(Bytes), Length length) {
      table[static_cast<std::size_t>(Command::op)] = {handler, sizeof(Command), length};
    };
    row(wire::BufferCreate{}, &Dispatcher::buffer_create, Length::fixed);
    row(wire::SubBufferCreate{}, &Dispatcher::sub_buffer_create, Length::fixed);
    row(wire::ImageCreate{}, &Dispatcher::image_create, Length::fixed);
    row(wire::SamplerCreate{}, &Dispatcher::sampler_create, Length::fixed);
    row(wire::ProgramBuild{}, &Dispatcher::program_build, Length::fixed);
    row(wire::ProgramBinary{}, &Dispatcher::program_binary, Length::fixed);
    row(wire::KernelCreate{}, &Dispatcher::kernel_create, Length::fixed);
    row(wire::KernelArgumentCheck{}, &Dispatcher::kernel_argument_check, Length::fixed);
    row(wire::QueueCreate{}, &Dispatcher::queue_create, Length::fixed);
    row(wire::UserEventCreate{}, &Dispatcher::user_event_create, Length::fixed);
    row(wire::UserEventSet{}, &Dispatcher::user_event_set, Length::fixed);
    row(wire::ObjectRelease{}, &Dispatcher::object_release, Length::fixed);
    row(wire::BufferWrite{}, &Dispatcher::buffer_write, Length::trailed);
    row(wire::BufferRead{}, &Dispatcher::buffer_read, Length::trailed);
    row(wire::BufferCopy{}, &Dispatcher::buffer_copy, Length::trailed);
    row(wire::BufferFill{}, &Dispatcher::buffer_fill, Length::trailed);
    row(wire::BufferWriteRect{}, &Dispatcher::buffer_write_rect, Length::trailed);
    row(wire::BufferReadRect{}, &Dispatcher::buffer_read_rect, Length::trailed);
    row(wire::BufferCopyRect{}, &Dispatcher::buffer_copy_rect, Length::trailed);
    row(wire::ImageWrite{}, &Dispatcher::image_write, Length::trailed);
    row(wire::ImageRead{}, &Dispatcher::image_read, Length::trailed);
    row(wire::ImageCopy{}, &Dispatcher::image_copy, Length::trailed);
    row(wire::ImageFill{}, &Dispatcher::image_fill, Length::trailed);
    row(wire::ImageToBuffer{}, &Dispatcher::image_to_buffer, Length::trailed);
    row(wire::BufferToImage{}, &Dispatcher::buffer_to_image, Length::trailed);
    row(wire::KernelLaunch{}, &Dispatcher::kernel_launch, Length::trailed);
    row(wire::Marker{}, &Dispatcher::marker, Length::trailed);
    row(wire::Barrier{}, &Dispatcher::barrier, Length::trailed);
    return table;
  }();
  return op < rows.size() && rows[op].handler != nullptr ? &rows[op] : nullptr;
}

Dispatcher::Dispatcher(backend::Device& device, wire::ArenaView arena, MemoryBooks& books, Completions& completions,
                       Builder& builder, Gate& gate, const HostLimits& limits)
    : device_(device),
      arena_(arena),
      books_(books),
      completions_(completions),
      builder_(builder),
      gate_(gate),
      objects_(limits.objects),
      held_(limits.blocked) {}

Status Dispatcher::handle(Bytes command) {
  wire::CommandHeader header;
  if (!take(command, header) || header.bytes != command.size()) return fault("a command is cut short");
  const Row* row = row_of(static_cast<std::uint16_t>(header.op));
  if (row == nullptr) return fault("unknown command " + std::to_string(static_cast<int>(header.op)));
  if (command.size() < row->bytes || (row->length == Length::fixed && command.size() != row->bytes))
    return fault("command " + std::to_string(static_cast<int>(header.op)) + " has the wrong length");
  if (wire::is_enqueued(header.op)) return handle_enqueued(*row, command);
  if (header.op == wire::Op::object_release) return handle_release(*row, command);
  return (this->*row->handler)(command);
}

std::optional<std::span<std::byte>> Dispatcher::memory_at(std::uint64_t at, std::uint64_t bytes) const {
  take_over_memory();
  return arena_.range(at, bytes);
}

// ---- what every enqueued command goes through ----

Result<StartedCommand> Dispatcher::start(const wire::EnqueueHeader& header) {
  StartedCommand begun;
  wire::EventSlot* slot = nullptr;
  if (header.event_at != wire::nowhere) {
    slot = handed_over(arena_.slot<wire::EventSlot>(header.event_at));
    if (slot == nullptr) return fault("an event slot is outside the arena");
  }
  begun.queue = objects_.find<QueueEntry>(header.queue);
  if (begun.queue != nullptr && header.sequence != begun.queue->progress->begun() + 1)
    return fault("a queue's sequence numbers have a gap");
  if (header.event != 0) {
    begun.event = objects_.insert<EventEntry>(header.event, {});
    if (begun.event == nullptr)
      return fault("an event's id was used before, or the records of the program's objects need too much memory");
  }
  if (begun.queue == nullptr) {
    const Nanoseconds now = now_ns();
    if (begun.event != nullptr) begun.event->outcome = Outcome::invalid_object;
    if (slot != nullptr) wire::publish_event(*slot, Outcome::invalid_object, {now, now, now});
    return begun;
  }
  if (++since_flush_ >= flush_every) {
    if (completions_.in_flight() > Completions::in_flight_max) return fault("too many commands in flight");
    flush();
  }
  begun.command = &completions_.begin(*begun.queue->progress, slot);
  return begun;
}

// What is submitted now: the command itself, or a piece of it that is not its last.
InFlight& Dispatcher::part_for(InFlight& command) {
  InFlight& part = running_.last ? command : completions_.begin_piece(command);
  part.admitted = std::exchange(running_.admitted, false);
  part.estimate_ns = running_.estimate_ns;
  part.length = running_.length;
  part.piece_items = running_.piece_items;
  return part;
}

Outcome Dispatcher::collect_waits() {
  wait_events_.clear();
  for (const ObjectId id : waits_) {
    const EventEntry* entry = objects_.find<EventEntry>(id);
    if (entry == nullptr) return Outcome::invalid_object;
    if (entry->event == nullptr) return Outcome::wait_list_failed;
    wait_events_.push_back(entry->event.get());
  }
  return Outcome::ok;
}

void Dispatcher::note_unflushed(QueueEntry& queue) {
  if (queue.unflushed) return;
  queue.unflushed = true;
  unflushed_.push_back(&queue);
}

void Dispatcher::flush() {
  for (QueueEntry* queue : unflushed_) {
    device_.flush(*queue->queue);
    queue->unflushed = false;
  }
  unflushed_.clear();
  since_flush_ = 0;
}

}  // namespace sluice::worker
