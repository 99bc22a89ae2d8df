// Transfers between the program's memory and memory objects, for all calls that make them.
//
// Where the shim can reach the contents and their turn has come, it copies them itself, once. Else the data goes
// through staging memory in the arena, in pieces that follow each other through the queue; small writes ride in the
// command. Program memory that lies in the arena itself, as shared virtual memory and mapped memory do, needs no
// staging, and must have none: commands before and after the transfer use it too.
#pragma once

#include "shim/opencl/enqueue.h"
#include "shim/opencl/memory.h"

namespace sluice::opencl {

// REQUIRES of all: arguments are checked. `blocking`: return when the transfer has ended.
cl_int write_buffer(const Enqueue& options, _cl_mem& buffer, std::size_t offset, std::size_t bytes, const void* from,
                    bool blocking);
cl_int read_buffer(const Enqueue& options, _cl_mem& buffer, std::size_t offset, std::size_t bytes, void* to,
                   bool blocking);

// A box in a buffer or an image, and how the program lays it out in its own memory.
struct BoxTransfer {
  wire::Box origin, region;   // bytes, rows, slices of a buffer; pixels of an image
  std::byte* host = nullptr;  // where the box starts in the program's memory
  Pitches host_pitch;
  Pitches buffer_pitch;  // of buffers alone
};
cl_int write_box(const Enqueue& options, _cl_mem& memory, const BoxTransfer& box, bool blocking);
cl_int read_box(const Enqueue& options, _cl_mem& memory, const BoxTransfer& box, bool blocking);

// REQUIRES: the pattern's size is one of the standard's, and divides offset and bytes.
cl_int fill_buffer(const Enqueue& options, _cl_mem& buffer, std::size_t offset, std::size_t bytes,
                   std::span<const std::byte> pattern);

// Fills a new memory object from the program's memory, for objects whose contents only the device has. Blocks.
cl_int upload(_cl_mem& memory, const BoxTransfer& box);

// Is the range inside `whole`? Whatever the numbers, nothing overflows.
inline bool in_range(std::size_t offset, std::size_t bytes, std::size_t whole) {
  return offset <= whole && bytes <= whole - offset;
}

// CL_MAP_WRITE_INVALIDATE_REGION goes with neither of the others (OpenCL 3.0, section 5.2.4).
constexpr bool valid_map_flags(cl_map_flags flags) {
  if ((flags & ~cl_map_flags{CL_MAP_READ | CL_MAP_WRITE | CL_MAP_WRITE_INVALIDATE_REGION}) != 0) return false;
  return (flags & CL_MAP_WRITE_INVALIDATE_REGION) == 0 || (flags & (CL_MAP_READ | CL_MAP_WRITE)) == 0;
}

}  // namespace sluice::opencl
