// Memory object: a buffer, a part of a buffer, or an image.
//
// Where the device works on host memory the contents lie in the session's arena, and the shim reads and writes them
// there. CL_MEM_USE_HOST_PTR memory has its contents in the same places; the program's own memory is brought up to
// date when it is mapped, and read when it is unmapped (OpenCL 3.0, section 5.2.1 allows such a cache).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "shim/opencl/context.h"
#include "shim/opencl/error.h"
#include "shim/opencl/object.h"
#include "shim/progress.h"

namespace sluice::opencl {

using shim::Pitches;

using MemoryDestructor = void(CL_CALLBACK*)(cl_mem memory, void* user_data);

// What only images have. Pitches are those of the contents: in the arena, or in the buffer below.
struct ImageShape {
  cl_image_format format{};
  cl_image_desc desc{};  // as the program gave it, unused sizes as passed
  std::size_t pixel_bytes = 0;
  Pitches pitch;
  Pitches host_pitch;              // of the program's own memory, where it gave some at creation
  std::size_t host_row_pitch = 0;  // its row pitch as the API counts it, also for 1D arrays
  wire::Box size{1, 1, 1};         // pixels; layers count in y for 1D arrays, in z for 2D arrays
};

// One clEnqueueMap* that was not undone yet.
struct Mapping {
  void* pointer = nullptr;
  cl_map_flags flags = 0;
  wire::Box origin, region;                    // bytes for buffers (y = z = 1), pixels for images
  Pitches pitch;                               // of the mapped memory
  std::uint64_t staging_at = wire::no_offset;  // `pointer` is this place in the arena; else it is the contents' own
};

// What the constructors need to know, whatever the kind.
struct MemorySpec {
  cl_mem_object_type type = CL_MEM_OBJECT_BUFFER;
  cl_mem_flags flags = 0;
  std::size_t bytes = 0;
  void* host_ptr = nullptr;  // of CL_MEM_USE_HOST_PTR
  cl_mem parent = nullptr;   // of a sub-buffer, or of an image over a buffer
  bool over_svm = false;     // the parent is an allocation of shared virtual memory, which the program has no handle of
  std::size_t origin = 0;    // in the parent
  std::uint64_t arena_at = wire::no_offset;
  std::vector<cl_mem_properties> properties;
  std::unique_ptr<ImageShape> image;
};

}  // namespace sluice::opencl

struct _cl_mem final : public sluice::opencl::ObjectOf<_cl_mem, sluice::opencl::Kind::memory> {
 public:
  _cl_mem(_cl_context& context, sluice::wire::ObjectId id, sluice::opencl::MemorySpec spec);
  // The contents stay until all that uses them has ended; then come the destructor callbacks.
  ~_cl_mem();

  _cl_context& context() const { return *context_; }
  sluice::shim::Session& session() const { return context_->session(); }
  sluice::shim::Progress& progress() const { return session().progress(); }
  sluice::wire::ObjectId id() const { return id_; }
  cl_mem_object_type type() const { return spec_.type; }
  bool is_buffer() const { return spec_.type == CL_MEM_OBJECT_BUFFER; }
  bool is_image() const { return spec_.image != nullptr; }
  cl_mem_flags flags() const { return spec_.flags; }
  std::size_t bytes() const { return spec_.bytes; }
  void* host_ptr() const { return spec_.host_ptr; }
  // As the program sees it.
  cl_mem parent() const { return spec_.over_svm ? nullptr : parent_.get(); }
  std::size_t origin() const { return spec_.over_svm ? 0 : spec_.origin; }
  bool over_svm() const { return spec_.over_svm || (parent_ && parent_->over_svm()); }
  const sluice::opencl::ImageShape& image() const { return *spec_.image; }
  const std::vector<cl_mem_properties>& properties() const { return spec_.properties; }

  // Where the contents lie in this process; null if only the device has them.
  std::byte* contents() const { return contents_; }
  // The program's own memory, which a map must bring up to date, is not where the contents lie.
  bool has_host_copy() const { return spec_.host_ptr != nullptr && spec_.host_ptr != contents_; }
  bool host_may_read() const { return (spec_.flags & (CL_MEM_HOST_WRITE_ONLY | CL_MEM_HOST_NO_ACCESS)) == 0; }
  bool host_may_write() const { return (spec_.flags & (CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_NO_ACCESS)) == 0; }
  // The object that owns the memory, and where in it this one starts.
  const _cl_mem& root() const { return parent_ ? parent_->root() : *this; }
  std::size_t root_offset() const { return parent_ ? parent_->root_offset() + spec_.origin : 0; }

  void add_destructor(sluice::opencl::MemoryDestructor callback, void* user_data);

  void add_mapping(const sluice::opencl::Mapping& mapping);
  // Takes away the mapping whose pointer this is; nothing if there is none.
  std::optional<sluice::opencl::Mapping> take_mapping(void* pointer);
  cl_uint map_count() const;

 private:
  const sluice::opencl::Ref<_cl_context> context_;
  const sluice::wire::ObjectId id_;
  const sluice::opencl::MemorySpec spec_;
  const sluice::opencl::Ref<_cl_mem> parent_;
  std::byte* contents_ = nullptr;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<sluice::opencl::Mapping> mappings_;
  std::vector<std::pair<sluice::opencl::MemoryDestructor, void*>> destructors_;
};

namespace sluice::opencl {

// MemoryAccess bits for the worker, from the program's flags.
std::uint32_t device_access(cl_mem_flags flags);

// The flags of a new object as CL_MEM_FLAGS tells them: as given, or the default if none were. Nothing: they contradict
// each other.
std::optional<cl_mem_flags> complete_flags(cl_mem_flags flags);
// The same for a sub-buffer or an image over a buffer: what they leave open comes from the parent.
std::optional<cl_mem_flags> inherited_flags(cl_mem_flags flags, cl_mem_flags parent);

// CL_INVALID_HOST_PTR if there is a host pointer and no flag that uses it, or the other way round.
cl_int check_host_ptr(cl_mem_flags flags, const void* host_ptr);

// A buffer with its memory on both sides, and no contents yet. Null: `error` says why.
cl_mem make_buffer(_cl_context& context, MemorySpec spec, cl_int& error);

// The size of the list up to and with its zero, as a copy; empty for null.
std::vector<cl_mem_properties> copy_properties(const cl_mem_properties* properties);

// Sends a call that makes the worker's side of a memory object. If the slice is full of memory that was released and
// is still in use by commands, waits for it and asks once more.
template <typename Command>
cl_int call_to_create(_cl_context& context, const Command& command) {
  shim::Session& session = context.session();
  wire::Outcome outcome = session.call(command).outcome;
  const bool full = outcome == wire::Outcome::quota_exceeded || outcome == wire::Outcome::out_of_device_memory;
  if (full) {
    // Asked again even if there is nothing to wait for: it may all have ended since the worker refused.
    session.progress().wait_for_frees();
    outcome = session.call(command).outcome;
  }
  return outcome == wire::Outcome::device_lost ? context.report_lost() : error_of(outcome);
}

// Makes a memory object on both sides, with a place in the arena for its contents if they are to lie there, and no
// contents yet. `command` makes the worker's side. Null: `error` says why.
template <typename Command>
cl_mem make_memory(_cl_context& context, Command command, MemorySpec spec, bool in_arena, cl_int& error) {
  shim::Session& session = context.session();
  command.id = session.mint();
  if (in_arena) {
    const auto arena_at = session.progress().make_room(spec.bytes, wire::ArenaAllocator::Use::object);
    if (!arena_at) {
      error = session.lost() ? context.report_lost() : CL_MEM_OBJECT_ALLOCATION_FAILURE;
      return nullptr;
    }
    command.arena_at = spec.arena_at = *arena_at;
  }
  error = call_to_create(context, command);
  if (error == CL_SUCCESS) return new _cl_mem(context, command.id, std::move(spec));
  if (spec.arena_at != wire::no_offset) session.arena().release(spec.arena_at);
  return nullptr;
}

}  // namespace sluice::opencl
