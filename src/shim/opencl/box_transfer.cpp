// Transfers of boxes of buffers and images, and the first contents of new objects.
#include <type_traits>

#include "shim/opencl/image.h"
#include "shim/opencl/transfer_path.h"

namespace sluice::opencl {
namespace {

using shim::RowCopy;

std::size_t pixel_bytes(const _cl_mem& memory) { return memory.is_image() ? memory.image().pixel_bytes : 1; }

// The shape of a box. The caller adds where the bytes come from and go to.
RowCopy rows_of(const _cl_mem& memory, const BoxTransfer& box) {
  RowCopy copy;
  copy.row_bytes = box.region.x * pixel_bytes(memory);
  copy.rows = box.region.y;
  copy.slices = box.region.z;
  return copy;
}

Pitches packed(const RowCopy& copy) { return {copy.row_bytes, copy.row_bytes * copy.rows}; }

Pitches contents_pitch(const _cl_mem& memory, const BoxTransfer& box) {
  return memory.is_image() ? memory.image().pitch : box.buffer_pitch;
}

std::byte* in_contents(const _cl_mem& memory, const BoxTransfer& box) {
  const Pitches pitch = contents_pitch(memory, box);
  return memory.contents() + box.origin.x * pixel_bytes(memory) + box.origin.y * pitch.row + box.origin.z * pitch.slice;
}

template <Direction direction>
RowCopy copy_of_contents(const _cl_mem& memory, const BoxTransfer& box) {
  RowCopy copy = rows_of(memory, box);
  const Pitches pitch = contents_pitch(memory, box);
  if constexpr (direction == Direction::to_device) {
    copy.from = box.host, copy.from_pitch = box.host_pitch;
    copy.to = in_contents(memory, box), copy.to_pitch = pitch;
  } else {
    copy.from = in_contents(memory, box), copy.from_pitch = pitch;
    copy.to = box.host, copy.to_pitch = box.host_pitch;
  }
  return copy;
}

// As much of the box as one command can move between the device and the program's side where it is: all of it, or a
// slice, or a row, where there is room between them.
wire::Box packed_part(const _cl_mem& memory, const BoxTransfer& box) {
  const RowCopy copy = rows_of(memory, box);
  const Pitches pitch = packed(copy);
  wire::Box part = box.region;
  if (copy.rows > 1 && box.host_pitch.row != pitch.row) part.y = 1;
  if (copy.slices > 1 && (part.y != copy.rows || box.host_pitch.slice != pitch.slice)) part.z = 1;
  return part;
}

template <typename Command>
Command box_command(const _cl_mem& memory, const BoxTransfer& box, std::uint64_t arena_at) {
  Command command;
  command.origin = box.origin;
  command.region = box.region;
  command.arena_at = arena_at;
  if constexpr (requires { command.image; }) {
    command.image = memory.id();
  } else {
    command.buffer = memory.id();
    command.row_pitch = box.buffer_pitch.row;
    command.slice_pitch = box.buffer_pitch.slice;
  }
  return command;
}

template <Direction D, typename Command>
struct BoxPath {
  static constexpr Direction direction = D;

  const Enqueue& options;
  _cl_mem& memory;
  const BoxTransfer& box;

  const std::byte* host() const { return box.host; }
  std::size_t host_reach() const;
  std::optional<std::uint64_t> place() const;
  cl_int copy_now() const;
  cl_int enqueue_in_place(std::uint64_t place, bool blocking) const;
  cl_int enqueue_staged(bool blocking) const;
};

template <Direction D, typename Command>
std::size_t BoxPath<D, Command>::host_reach() const {
  RowCopy copy = rows_of(memory, box);
  copy.to_pitch = box.host_pitch;
  return copy.reach();
}

// Several commands work in place on in-order queues alone: elsewhere the end of the last says nothing about the others.
template <Direction D, typename Command>
std::optional<std::uint64_t> BoxPath<D, Command>::place() const {
  const wire::Box part = packed_part(memory, box);
  const bool whole = part.y == box.region.y && part.z == box.region.z;
  return whole || !options.queue.out_of_order() ? place_of(options, box.host, host_reach()) : std::nullopt;
}

template <Direction D, typename Command>
cl_int BoxPath<D, Command>::copy_now() const {
  const RowCopy copy = copy_of_contents<D>(memory, box);
  count_copied<D>(options, copy.bytes());
  const Nanoseconds started_ns = local_start(options);
  copy.run();
  return complete_now(options, started_ns);
}

template <Direction D, typename Command>
cl_int BoxPath<D, Command>::enqueue_in_place(std::uint64_t place, bool blocking) const {
  BoxTransfer part = box;
  part.region = packed_part(memory, box);
  Posted posted;
  for (std::uint64_t z = 0; z < box.region.z; z += part.region.z) {
    for (std::uint64_t y = 0; y < box.region.y; y += part.region.y) {
      part.origin = {box.origin.x, box.origin.y + y, box.origin.z + z};
      const Piece piece{y + z == 0, z + part.region.z == box.region.z && y + part.region.y == box.region.y};
      const Enqueue order = piece_of(options, piece);
      auto command = box_command<Command>(memory, part, place + z * box.host_pitch.slice + y * box.host_pitch.row);
      const cl_int error =
          blocking && piece.last ? post_observed(order, command, posted) : post(order, command, posted);
      if (error != CL_SUCCESS) return error;
      if (posted.sequence == 0) return give_up(options, piece, blocking);
    }
  }
  return blocking ? wait_posted(options, posted) : CL_SUCCESS;
}

template <Direction D, typename Command>
cl_int BoxPath<D, Command>::enqueue_staged(bool blocking) const {
  RowCopy copy = rows_of(memory, box);
  const auto arena_at = options.queue.progress().make_room(copy.bytes());
  if (!arena_at) return CL_OUT_OF_HOST_MEMORY;
  if constexpr (D == Direction::to_device) {
    copy.from = box.host, copy.from_pitch = box.host_pitch;
    copy.to = options.queue.session().arena().at(*arena_at), copy.to_pitch = packed(copy);
    copy.run();
  } else {
    copy.from_pitch = packed(copy);
    copy.to = box.host, copy.to_pitch = box.host_pitch;
  }
  auto command = box_command<Command>(memory, box, *arena_at);
  Posted posted;
  const cl_int error = post_staged<D>(options, command, copy, blocking, posted);
  return error == CL_SUCCESS && blocking ? wait_posted(options, posted) : error;
}

}  // namespace

cl_int write_box(const Enqueue& options, _cl_mem& memory, const BoxTransfer& box, bool blocking) {
  constexpr auto direction = Direction::to_device;
  return memory.is_image()
             ? carry_out_transfer(BoxPath<direction, wire::ImageWrite>{options, memory, box}, blocking)
             : carry_out_transfer(BoxPath<direction, wire::BufferWriteRect>{options, memory, box}, blocking);
}

cl_int read_box(const Enqueue& options, _cl_mem& memory, const BoxTransfer& box, bool blocking) {
  constexpr auto direction = Direction::to_program;
  return memory.is_image()
             ? carry_out_transfer(BoxPath<direction, wire::ImageRead>{options, memory, box}, blocking)
             : carry_out_transfer(BoxPath<direction, wire::BufferReadRect>{options, memory, box}, blocking);
}

cl_int upload(_cl_mem& memory, const BoxTransfer& box) {
  if (memory.contents() != nullptr) {
    copy_of_contents<Direction::to_device>(memory, box).run();
    memory.session().control().host_bytes_in.fetch_add(rows_of(memory, box).bytes(), std::memory_order_relaxed);
    return CL_SUCCESS;
  }
  // Objects are filled before the program has a queue.
  auto queue = Ref<_cl_command_queue>::adopt(_cl_command_queue::make(memory.context(), *the_device(), 0, {}));
  if (!queue) return CL_OUT_OF_HOST_MEMORY;
  if (memory.is_image()) return write_box({*queue, CL_COMMAND_WRITE_IMAGE, {}, nullptr}, memory, box, true);
  return write_buffer({*queue, CL_COMMAND_WRITE_BUFFER, {}, nullptr}, memory, 0, memory.bytes(), box.host, true);
}

}  // namespace sluice::opencl
