// The path of a transfer: what every read and write of a memory object tries in this order, whatever its shape.
//
//  1. If the shim can reach the contents and its turn in the queue has come, it copies them itself.
//  2. If the program's side lies in the arena, the device works on it there.
//  3. Else the data is staged through the arena.
//  4. If the arena has no room for that, a call on contents that the shim can reach waits for its turn and copies.
//
// Included by the files that implement transfers alone (range_transfer.cpp, box_transfer.cpp).
#pragma once

#include <cstdint>
#include <optional>

#include "shim/opencl/transfer.h"
#include "shim/staging.h"

namespace sluice::opencl {

enum class Direction : std::uint8_t { to_device, to_program };

// For the meter: what the shim itself copied.
template <Direction direction>
void count_copied(const Enqueue& options, std::size_t bytes) {
  wire::ControlPage& control = options.queue.session().control();
  auto& count = direction == Direction::to_device ? control.host_bytes_in : control.host_bytes_out;
  count.fetch_add(bytes, std::memory_order_relaxed);
}

// Where the device finds the program's side, if it lies in the arena. A map's own memory is staged all the same: an
// unmap must know whether the data of the map has arrived.
inline std::optional<std::uint64_t> place_of(const Enqueue& options, const void* host, std::size_t bytes) {
  if (options.type == CL_COMMAND_MAP_BUFFER || options.type == CL_COMMAND_MAP_IMAGE) return std::nullopt;
  return options.queue.session().arena().offset_of(host, bytes);
}

// One of several commands that a transfer posts. The first waits for what the whole waits for, the program sees the
// last.
struct Piece {
  bool first = true, last = true;
};
inline Enqueue piece_of(const Enqueue& options, const Piece& piece) {
  return {options.queue, options.type, piece.first ? options.waits : std::span<const cl_event>(),
          piece.last ? options.event_out : nullptr};
}

// A piece was not posted, because what the whole waits for has failed: nor is the rest. The last piece has made the
// program's event.
inline cl_int give_up(const Enqueue& options, const Piece& piece, bool blocking) {
  if (blocking) return CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  return piece.last ? CL_SUCCESS : fail_now(options);
}

// Posts a piece whose data lies in staging memory at command.arena_at, and arranges for the memory to be freed.
// `host`: the program's side of a read. `awaited`: wait_posted will be called for this piece.
template <Direction direction, EnqueuedCommand Command>
cl_int post_staged(const Enqueue& options, Command& command, const shim::RowCopy& host, bool awaited, Posted& posted) {
  constexpr bool reads = direction == Direction::to_program;
  const cl_int error = reads || awaited ? post_observed(options, command, posted) : post(options, command, posted);
  if constexpr (reads) deliver_staged(options.queue.lane(), posted, host, command.arena_at, awaited);
  else free_staged(options.queue.lane(), posted, command.arena_at);
  return error;
}

// The shim's own turn on contents that it can reach: at once if nothing is in the way, or after a wait. CL_SUCCESS and
// `has_turn`: copy now.
inline cl_int take_turn(const Enqueue& options, const _cl_mem& memory, bool blocking, bool& has_turn) {
  if (memory.contents() == nullptr) return CL_SUCCESS;
  if (blocking && !options.queue.out_of_order()) {
    const cl_int error = wait_ready(options);
    has_turn = error == CL_SUCCESS;
    return error;
  }
  has_turn = ready_now(options);
  return CL_SUCCESS;
}

// Carries out one transfer: a type with
//   static constexpr Direction direction;
//   const Enqueue& options;
//   _cl_mem& memory;
//   const std::byte* host() const;              the program's side, and from there to just behind its last byte
//   std::size_t host_reach() const;
//   std::optional<std::uint64_t> place() const; where the device finds the program's side, if commands can work there
//   cl_int copy_now() const;                    REQUIRES: the shim can reach the contents, and has its turn
//   cl_int enqueue_in_place(place, blocking) const;
//   cl_int enqueue_staged(blocking) const;      CL_OUT_OF_HOST_MEMORY: the arena has no room; pieces may have gone
template <typename Transfer>
cl_int carry_out_transfer(const Transfer& transfer, bool blocking) {
  const Enqueue& options = transfer.options;
  if constexpr (Transfer::direction == Direction::to_device) {
    if (!options.queue.progress().wait_for_reads_into(transfer.host(), transfer.host_reach()))
      return options.queue.context().report_lost();
  }
  bool has_turn = false;
  if (const cl_int error = take_turn(options, transfer.memory, blocking, has_turn); error != CL_SUCCESS) return error;
  if (has_turn) return transfer.copy_now();
  if (const auto place = transfer.place()) return transfer.enqueue_in_place(*place, blocking);
  const cl_int error = transfer.enqueue_staged(blocking);
  const bool may_wait = transfer.memory.contents() != nullptr && !options.queue.out_of_order();
  if (error != CL_OUT_OF_HOST_MEMORY || !may_wait) return error;
  if (const cl_int failure = wait_ready(options); failure != CL_SUCCESS) return failure;
  return transfer.copy_now();
}

}  // namespace sluice::opencl
