#include "shim/opencl/transfer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "shim/opencl/image.h"

namespace sluice::opencl {
namespace {

// Large transfers go in pieces of this size, so that the program fills one while the device takes another.
constexpr std::size_t piece_bytes = 4 << 20;

// On an in-order queue pieces follow each other; elsewhere one command has to do it all.
std::size_t piece_size(const Enqueue& how, std::size_t bytes) {
  return how.queue.out_of_order() ? bytes : std::min(bytes, piece_bytes);
}

// The first piece waits for what the whole waits for, the last one is what the program sees.
Enqueue piece_of(const Enqueue& how, bool first, bool last) {
  return {how.queue, how.type, first ? how.waits : std::span<const cl_event>(), last ? how.event_out : nullptr};
}

// A piece was not posted, because what the whole waits for has failed: nor is the rest.
cl_int give_up(const Enqueue& how, bool last, bool blocking) {
  if (blocking) return CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  return last ? CL_SUCCESS : fail_now(how);  // the last piece has the program's event
}

// For staged transfers of an object that the shim can reach: when there is no room for the data, it waits its turn.
bool may_wait(const Enqueue& how, const _cl_mem& memory) {
  return memory.contents() != nullptr && !how.queue.out_of_order();
}

// The shim's own turn: at once if nothing is in the way, or after a wait. CL_SUCCESS and `mine`: do it now.
cl_int take_turn(const Enqueue& how, const _cl_mem& memory, bool blocking, bool& mine) {
  mine = false;
  if (memory.contents() == nullptr) return CL_SUCCESS;
  if (blocking && !how.queue.out_of_order()) {
    const cl_int error = wait_ready(how);
    mine = error == CL_SUCCESS;
    return error;
  }
  mine = ready_now(how);
  return CL_SUCCESS;
}

cl_int write_inline(const Enqueue& how, wire::BufferWrite command, const void* from) {
  alignas(8) std::array<std::byte, wire::inline_write_bytes_max> data;
  const std::size_t padded = wire::round_up_8(static_cast<std::uint32_t>(command.bytes));
  std::memcpy(data.data(), from, command.bytes);
  std::memset(data.data() + command.bytes, 0, padded - command.bytes);
  command.arena_at = wire::nowhere;
  return post(how, command, std::span<const std::byte>(data).first(padded));
}

// A piece that has been copied into the arena. The room is free when the command has ended, or was never posted.
template <typename Command>
cl_int post_staged(const Enqueue& how, Command& command, bool observed, Posted& posted) {
  const cl_int error = observed ? post_observed(how, command, posted) : post(how, command, posted);
  Progress& progress = how.queue.progress();
  // By the lane's word alone: the slot may go before.
  if (posted.sequence != 0) progress.free_after(how.queue.lane(), posted.sequence, nullptr, command.arena_at);
  else progress.session().release(command.arena_at);
  return error;
}

// A read into the arena, which is settled into `copy.to` when it has ended. `awaited`: wait_posted will be called.
template <typename Command>
cl_int post_read(const Enqueue& how, Command& command, RowCopy copy, bool awaited, Posted& posted) {
  const cl_int error = post_observed(how, command, posted);
  Progress& progress = how.queue.progress();
  if (posted.sequence == 0) {
    progress.session().release(command.arena_at);
    return error;
  }
  copy.from = progress.session().arena_at(command.arena_at);
  const std::uint64_t slot_at = awaited ? wire::nowhere : posted.slot_at;
  progress.add_read(how.queue.lane(), {posted.sequence, posted.slot, slot_at, copy, command.arena_at});
  return error;
}

// Where the device finds the program's side, if it lies in the arena. A map's own memory goes through staging all the
// same: an unmap must know whether the map has come true.
std::optional<std::uint64_t> place_of(const Enqueue& how, const void* host, std::size_t bytes) {
  if (how.type == CL_COMMAND_MAP_BUFFER || how.type == CL_COMMAND_MAP_IMAGE) return std::nullopt;
  return how.queue.session().place_of(host, bytes);
}

// ---- boxes ----

std::size_t pixel_bytes(const _cl_mem& memory) { return memory.is_image() ? memory.image().pixel_bytes : 1; }

// Between the program's memory and packed rows, or the contents where `at` points at them.
RowCopy rows_between(const _cl_mem& memory, const BoxTransfer& transfer) {
  RowCopy copy;
  copy.row_bytes = transfer.region.x * pixel_bytes(memory);
  copy.rows = transfer.region.y;
  copy.slices = transfer.region.z;
  return copy;
}

Pitches packed(const RowCopy& copy) { return {copy.row_bytes, copy.row_bytes * copy.rows}; }

Pitches contents_pitch(const _cl_mem& memory, const BoxTransfer& transfer) {
  return memory.is_image() ? memory.image().pitch : transfer.buffer_pitch;
}

std::byte* in_contents(const _cl_mem& memory, const BoxTransfer& transfer) {
  const Pitches pitch = contents_pitch(memory, transfer);
  return memory.contents() + transfer.origin.x * pixel_bytes(memory) + transfer.origin.y * pitch.row +
         transfer.origin.z * pitch.slice;
}

RowCopy into_contents(const _cl_mem& memory, const BoxTransfer& transfer) {
  RowCopy copy = rows_between(memory, transfer);
  copy.from = transfer.host, copy.from_pitch = transfer.host_pitch;
  copy.to = in_contents(memory, transfer), copy.to_pitch = contents_pitch(memory, transfer);
  return copy;
}

RowCopy out_of_contents(const _cl_mem& memory, const BoxTransfer& transfer) {
  RowCopy copy = rows_between(memory, transfer);
  copy.from = in_contents(memory, transfer), copy.from_pitch = contents_pitch(memory, transfer);
  copy.to = transfer.host, copy.to_pitch = transfer.host_pitch;
  return copy;
}

std::size_t host_reach(const _cl_mem& memory, const BoxTransfer& transfer) {
  RowCopy copy = rows_between(memory, transfer);
  copy.to_pitch = transfer.host_pitch;
  return copy.reach();
}

template <typename Command>
Command box_command(const _cl_mem& memory, const BoxTransfer& transfer, std::uint64_t arena_at) {
  Command command;
  command.origin = transfer.origin;
  command.region = transfer.region;
  command.arena_at = arena_at;
  if constexpr (requires { command.image; }) {
    command.image = memory.id();
  } else {
    command.buffer = memory.id();
    command.row_pitch = transfer.buffer_pitch.row;
    command.slice_pitch = transfer.buffer_pitch.slice;
  }
  return command;
}

}  // namespace

// ---- plain ranges of buffers ----

namespace {

cl_int write_now(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, const void* from) {
  const Nanoseconds started_ns = local_start(how);
  std::memcpy(buffer.contents() + offset, from, bytes);
  count_in(how.queue, bytes);
  return complete_now(how, started_ns);
}

cl_int read_now(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, void* to) {
  const Nanoseconds started_ns = local_start(how);
  std::memcpy(to, buffer.contents() + offset, bytes);
  count_out(how.queue, bytes);
  return complete_now(how, started_ns);
}

cl_int write_in_place(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, std::uint64_t place,
                      bool blocking) {
  wire::BufferWrite command;
  command.buffer = buffer.id(), command.dst_offset = offset, command.bytes = bytes;
  command.arena_at = place;
  return carry_out(how, command, blocking);
}

cl_int read_in_place(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, std::uint64_t place,
                     bool blocking) {
  wire::BufferRead command;
  command.buffer = buffer.id(), command.src_offset = offset, command.bytes = bytes;
  command.arena_at = place;
  return carry_out(how, command, blocking);
}

cl_int write_staged(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, const void* from,
                    bool blocking) {
  Progress& progress = how.queue.progress();
  const auto* source = static_cast<const std::byte*>(from);
  if (bytes <= wire::inline_write_bytes_max && !blocking) {
    wire::BufferWrite command;
    command.buffer = buffer.id(), command.dst_offset = offset, command.bytes = bytes;
    return write_inline(how, command, from);
  }
  Posted posted;
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t piece = piece_size(how, bytes - done);
    const auto arena_at = progress.make_room(piece);
    if (!arena_at) return CL_OUT_OF_HOST_MEMORY;
    std::memcpy(progress.session().arena_at(*arena_at), source + done, piece);
    wire::BufferWrite command;
    command.buffer = buffer.id(), command.dst_offset = offset + done, command.bytes = piece;
    command.arena_at = *arena_at;
    const bool last = done + piece == bytes;
    const cl_int error = post_staged(piece_of(how, done == 0, last), command, blocking && last, posted);
    if (error != CL_SUCCESS) return error;
    if (posted.sequence == 0) return give_up(how, last, blocking);
    done += piece;
  }
  return blocking ? wait_posted(how, posted) : CL_SUCCESS;
}

cl_int read_staged(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, void* to,
                   bool blocking) {
  auto* target = static_cast<std::byte*>(to);
  Posted posted;
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t piece = piece_size(how, bytes - done);
    const auto arena_at = how.queue.progress().make_room(piece);
    if (!arena_at) return CL_OUT_OF_HOST_MEMORY;
    wire::BufferRead command;
    command.buffer = buffer.id(), command.src_offset = offset + done, command.bytes = piece;
    command.arena_at = *arena_at;
    const bool last = done + piece == bytes;
    const cl_int error = post_read(piece_of(how, done == 0, last), command,
                                   RowCopy::plain(nullptr, target + done, piece), blocking && last, posted);
    if (error != CL_SUCCESS) return error;
    if (posted.sequence == 0) return give_up(how, last, blocking);
    done += piece;
  }
  return blocking ? wait_posted(how, posted) : CL_SUCCESS;
}

}  // namespace

cl_int write_buffer(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, const void* from,
                    bool blocking) {
  if (!how.queue.progress().wait_for_reads_into(static_cast<const std::byte*>(from), bytes))
    return how.queue.context().report_lost();
  bool mine = false;
  if (const cl_int error = take_turn(how, buffer, blocking, mine); error != CL_SUCCESS) return error;
  if (mine) return write_now(how, buffer, offset, bytes, from);
  if (const auto place = place_of(how, from, bytes))
    return write_in_place(how, buffer, offset, bytes, *place, blocking);
  const cl_int error = write_staged(how, buffer, offset, bytes, from, blocking);
  if (error != CL_OUT_OF_HOST_MEMORY || !may_wait(how, buffer)) return error;
  if (const cl_int failure = wait_ready(how); failure != CL_SUCCESS) return failure;
  return write_now(how, buffer, offset, bytes, from);
}

cl_int read_buffer(const Enqueue& how, _cl_mem& buffer, std::size_t offset, std::size_t bytes, void* to,
                   bool blocking) {
  bool mine = false;
  if (const cl_int error = take_turn(how, buffer, blocking, mine); error != CL_SUCCESS) return error;
  if (mine) return read_now(how, buffer, offset, bytes, to);
  if (const auto place = place_of(how, to, bytes)) return read_in_place(how, buffer, offset, bytes, *place, blocking);
  const cl_int error = read_staged(how, buffer, offset, bytes, to, blocking);
  if (error != CL_OUT_OF_HOST_MEMORY || !may_wait(how, buffer)) return error;
  if (const cl_int failure = wait_ready(how); failure != CL_SUCCESS) return failure;
  return read_now(how, buffer, offset, bytes, to);
}

// ---- boxes of buffers and images ----

namespace {

// As much of the box as one command can move between the device and the program's side where it is: all of it, or a
// slice, or a row, where there is room between them.
wire::Box packed_part(const _cl_mem& memory, const BoxTransfer& transfer) {
  const RowCopy copy = rows_between(memory, transfer);
  const Pitches pitch = packed(copy);
  wire::Box part = transfer.region;
  if (copy.rows > 1 && transfer.host_pitch.row != pitch.row) part.y = 1;
  if (copy.slices > 1 && (part.y != copy.rows || transfer.host_pitch.slice != pitch.slice)) part.z = 1;
  return part;
}

// Where the program's side lies in the arena, if commands can work on it there. Several do so on in-order queues alone:
// elsewhere the end of the last says nothing about the others.
std::optional<std::uint64_t> box_place(const Enqueue& how, const _cl_mem& memory, const BoxTransfer& transfer) {
  const wire::Box part = packed_part(memory, transfer);
  const bool whole = part.y == transfer.region.y && part.z == transfer.region.z;
  return whole || !how.queue.out_of_order() ? place_of(how, transfer.host, host_reach(memory, transfer)) : std::nullopt;
}

template <typename Command>
cl_int box_in_place(const Enqueue& how, const _cl_mem& memory, const BoxTransfer& transfer, std::uint64_t place,
                    bool blocking) {
  BoxTransfer part = transfer;
  part.region = packed_part(memory, transfer);
  Posted posted;
  for (std::uint64_t z = 0; z < transfer.region.z; z += part.region.z) {
    for (std::uint64_t y = 0; y < transfer.region.y; y += part.region.y) {
      part.origin = {transfer.origin.x, transfer.origin.y + y, transfer.origin.z + z};
      const std::uint64_t at = place + z * transfer.host_pitch.slice + y * transfer.host_pitch.row;
      const bool last = z + part.region.z == transfer.region.z && y + part.region.y == transfer.region.y;
      const Enqueue piece = piece_of(how, y + z == 0, last);
      auto command = box_command<Command>(memory, part, at);
      const cl_int error = blocking && last ? post_observed(piece, command, posted) : post(piece, command, posted);
      if (error != CL_SUCCESS) return error;
      if (posted.sequence == 0) return give_up(how, last, blocking);
    }
  }
  return blocking ? wait_posted(how, posted) : CL_SUCCESS;
}

template <typename Command>
cl_int write_box_staged(const Enqueue& how, _cl_mem& memory, const BoxTransfer& transfer, bool blocking) {
  shim::Session& session = how.queue.session();
  RowCopy copy = rows_between(memory, transfer);
  const auto arena_at = how.queue.progress().make_room(copy.bytes());
  if (!arena_at) return CL_OUT_OF_HOST_MEMORY;
  copy.from = transfer.host, copy.from_pitch = transfer.host_pitch;
  copy.to = session.arena_at(*arena_at), copy.to_pitch = packed(copy);
  copy.run();
  auto command = box_command<Command>(memory, transfer, *arena_at);
  Posted posted;
  const cl_int error = post_staged(how, command, blocking, posted);
  return error == CL_SUCCESS && blocking ? wait_posted(how, posted) : error;
}

template <typename Command>
cl_int read_box_staged(const Enqueue& how, _cl_mem& memory, const BoxTransfer& transfer, bool blocking) {
  RowCopy copy = rows_between(memory, transfer);
  const auto arena_at = how.queue.progress().make_room(copy.bytes());
  if (!arena_at) return CL_OUT_OF_HOST_MEMORY;
  copy.from_pitch = packed(copy);
  copy.to = transfer.host, copy.to_pitch = transfer.host_pitch;
  auto command = box_command<Command>(memory, transfer, *arena_at);
  Posted posted;
  const cl_int error = post_read(how, command, copy, blocking, posted);
  return error == CL_SUCCESS && blocking ? wait_posted(how, posted) : error;
}

cl_int copy_now(const Enqueue& how, const RowCopy& copy) {
  const Nanoseconds started_ns = local_start(how);
  copy.run();
  return complete_now(how, started_ns);
}

}  // namespace

cl_int write_box(const Enqueue& how, _cl_mem& memory, const BoxTransfer& transfer, bool blocking) {
  if (!how.queue.progress().wait_for_reads_into(transfer.host, host_reach(memory, transfer)))
    return how.queue.context().report_lost();
  bool mine = false;
  if (const cl_int error = take_turn(how, memory, blocking, mine); error != CL_SUCCESS) return error;
  if (!mine) {
    if (const auto place = box_place(how, memory, transfer))
      return memory.is_image() ? box_in_place<wire::ImageWrite>(how, memory, transfer, *place, blocking)
                               : box_in_place<wire::BufferWriteRect>(how, memory, transfer, *place, blocking);
    const cl_int error = memory.is_image() ? write_box_staged<wire::ImageWrite>(how, memory, transfer, blocking)
                                           : write_box_staged<wire::BufferWriteRect>(how, memory, transfer, blocking);
    if (error != CL_OUT_OF_HOST_MEMORY || !may_wait(how, memory)) return error;
    if (const cl_int failure = wait_ready(how); failure != CL_SUCCESS) return failure;
  }
  const RowCopy copy = into_contents(memory, transfer);
  count_in(how.queue, copy.bytes());
  return copy_now(how, copy);
}

cl_int read_box(const Enqueue& how, _cl_mem& memory, const BoxTransfer& transfer, bool blocking) {
  bool mine = false;
  if (const cl_int error = take_turn(how, memory, blocking, mine); error != CL_SUCCESS) return error;
  if (!mine) {
    if (const auto place = box_place(how, memory, transfer))
      return memory.is_image() ? box_in_place<wire::ImageRead>(how, memory, transfer, *place, blocking)
                               : box_in_place<wire::BufferReadRect>(how, memory, transfer, *place, blocking);
    const cl_int error = memory.is_image() ? read_box_staged<wire::ImageRead>(how, memory, transfer, blocking)
                                           : read_box_staged<wire::BufferReadRect>(how, memory, transfer, blocking);
    if (error != CL_OUT_OF_HOST_MEMORY || !may_wait(how, memory)) return error;
    if (const cl_int failure = wait_ready(how); failure != CL_SUCCESS) return failure;
  }
  const RowCopy copy = out_of_contents(memory, transfer);
  count_out(how.queue, copy.bytes());
  return copy_now(how, copy);
}

cl_int upload(_cl_mem& memory, const BoxTransfer& transfer) {
  if (memory.contents() != nullptr) {
    into_contents(memory, transfer).run();
    memory.progress().session().control().host_bytes_in.fetch_add(rows_between(memory, transfer).bytes(),
                                                                  std::memory_order_relaxed);
    return CL_SUCCESS;
  }
  // Objects are filled before the program has a queue.
  auto queue = Ref<_cl_command_queue>::adopt(_cl_command_queue::make(memory.context(), *the_device(), 0, {}));
  if (!queue) return CL_OUT_OF_HOST_MEMORY;
  if (memory.is_image()) return write_box({*queue, CL_COMMAND_WRITE_IMAGE, {}, nullptr}, memory, transfer, true);
  return write_buffer({*queue, CL_COMMAND_WRITE_BUFFER, {}, nullptr}, memory, 0, memory.bytes(), transfer.host, true);
}

}  // namespace sluice::opencl
