// Transfers of plain ranges of buffers.
#include <array>
#include <cstring>
#include <type_traits>

#include "shim/opencl/transfer_path.h"

namespace sluice::opencl {
namespace {

template <Direction D>
struct RangeTransfer {
  static constexpr Direction direction = D;
  static constexpr bool writes = direction == Direction::to_device;
  using Host = std::conditional_t<writes, const std::byte, std::byte>;
  using Command = std::conditional_t<writes, wire::BufferWrite, wire::BufferRead>;

  const Enqueue& options;
  _cl_mem& memory;
  std::size_t offset, bytes;
  Host* program_side;

  const std::byte* host() const { return program_side; }
  std::size_t host_reach() const { return bytes; }
  std::optional<std::uint64_t> place() const { return place_of(options, program_side, bytes); }
  cl_int copy_now() const;
  cl_int enqueue_in_place(std::uint64_t place, bool blocking) const;
  cl_int enqueue_staged(bool blocking) const;

 private:
  Command command(std::size_t done, std::size_t piece_bytes, std::uint64_t arena_at) const;
  cl_int enqueue_inline() const;
  cl_int enqueue_piece(std::size_t done, std::size_t piece_bytes, const Piece& piece, bool awaited,
                       Posted& posted) const;
};

template <Direction D>
typename RangeTransfer<D>::Command RangeTransfer<D>::command(std::size_t done, std::size_t piece_bytes,
                                                             std::uint64_t arena_at) const {
  Command command;
  command.buffer = memory.id(), command.bytes = piece_bytes, command.arena_at = arena_at;
  if constexpr (writes) command.dst_offset = offset + done;
  else command.src_offset = offset + done;
  return command;
}

template <Direction D>
cl_int RangeTransfer<D>::copy_now() const {
  const Nanoseconds started_ns = local_start(options);
  if constexpr (writes) std::memcpy(memory.contents() + offset, program_side, bytes);
  else std::memcpy(program_side, memory.contents() + offset, bytes);
  count_copied<D>(options, bytes);
  return complete_now(options, started_ns);
}

template <Direction D>
cl_int RangeTransfer<D>::enqueue_in_place(std::uint64_t place, bool blocking) const {
  auto whole = command(0, bytes, place);
  return carry_out(options, whole, blocking);
}

template <Direction D>
cl_int RangeTransfer<D>::enqueue_inline() const {
  alignas(8) std::array<std::byte, wire::inline_write_bytes_max> data;
  const std::size_t padded = wire::round_up_8(static_cast<std::uint32_t>(bytes));
  std::memcpy(data.data(), program_side, bytes);
  std::memset(data.data() + bytes, 0, padded - bytes);
  auto whole = command(0, bytes, wire::no_offset);
  return post(options, whole, std::span<const std::byte>(data).first(padded));
}

template <Direction D>
cl_int RangeTransfer<D>::enqueue_piece(std::size_t done, std::size_t piece_bytes, const Piece& piece, bool awaited,
                                       Posted& posted) const {
  shim::Session& session = options.queue.session();
  const auto arena_at = session.progress().make_room(piece_bytes);
  if (!arena_at) return CL_OUT_OF_HOST_MEMORY;
  auto part = command(done, piece_bytes, *arena_at);
  if constexpr (writes) {
    std::memcpy(session.arena().at(*arena_at), program_side + done, piece_bytes);
    return post_staged<D>(piece_of(options, piece), part, {}, awaited, posted);
  } else {
    const auto copy = shim::RowCopy::plain(nullptr, program_side + done, piece_bytes);
    return post_staged<D>(piece_of(options, piece), part, copy, awaited, posted);
  }
}

template <Direction D>
cl_int RangeTransfer<D>::enqueue_staged(bool blocking) const {
  if constexpr (writes)
    if (bytes <= wire::inline_write_bytes_max && !blocking) return enqueue_inline();
  Posted posted;
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t piece_bytes = shim::staged_piece_bytes(options.queue.lane(), bytes - done);
    const Piece piece{done == 0, done + piece_bytes == bytes};
    const cl_int error = enqueue_piece(done, piece_bytes, piece, blocking && piece.last, posted);
    if (error != CL_SUCCESS) return error;
    if (posted.sequence == 0) return give_up(options, piece, blocking);
    done += piece_bytes;
  }
  return blocking ? wait_posted(options, posted) : CL_SUCCESS;
}

}  // namespace

cl_int write_buffer(const Enqueue& options, _cl_mem& buffer, std::size_t offset, std::size_t bytes, const void* from,
                    bool blocking) {
  const auto* host = static_cast<const std::byte*>(from);
  return carry_out_transfer(RangeTransfer<Direction::to_device>{options, buffer, offset, bytes, host}, blocking);
}

cl_int read_buffer(const Enqueue& options, _cl_mem& buffer, std::size_t offset, std::size_t bytes, void* to,
                   bool blocking) {
  auto* host = static_cast<std::byte*>(to);
  return carry_out_transfer(RangeTransfer<Direction::to_program>{options, buffer, offset, bytes, host}, blocking);
}

}  // namespace sluice::opencl
