// The seam between the worker and a chip. One backend per driver API; everything above it is written once.
//
// A worker opens one device for one session. All verbs are called by the worker's command thread, except where a
// verb says otherwise; a verb returns quickly and never waits for the device, except where it says so. Objects are
// owned by the worker's object table; an object that queued commands still use stays alive inside the driver after
// its destruction here. Outcomes are neutral (wire/outcome.h); a backend translates its driver's errors.
//
// Host memory that a verb is given (arena ranges) stays mapped for as long as the session lives.
// Times are nanoseconds of CLOCK_MONOTONIC: the backend converts the device's own clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "wire/commands.h"
#include "wire/device_traits.h"
#include "wire/kernel_traits.h"
#include "wire/outcome.h"
#include "wire/timeline.h"

namespace sluice::backend {

using wire::Box;
using wire::Outcome;

// A driver's object. Destroying it drops the worker's reference.
class Object {
 public:
  virtual ~Object() = default;
};
class Memory : public Object {};  // a buffer, a sub-buffer or an image
class Sampler : public Object {};
class Program : public Object {};
// May a launch be cut into several, each a range of the work-groups with its own global offset, one after the other,
// such that the kernel cannot tell? In the middle case, only if the launch says its local size: the device's own choice
// may differ from piece to piece.
enum class Divisible : std::uint8_t { never, if_local_size_given, always };
class Kernel : public Object {
 public:
  Divisible divisible = Divisible::never;
  // By argument: the kernel cannot write what it is given. None is known beyond the last.
  std::vector<bool> read_only;
  bool only_reads(std::size_t argument) const { return argument < read_only.size() && read_only[argument]; }
};
class Queue : public Object {};
class Event : public Object {};  // of a submitted command, or a user event

// What a creating verb returns: an object, or the outcome that says why there is none.
template <typename T>
struct Made {
  std::unique_ptr<T> object;
  Outcome outcome = Outcome::ok;
};

// Is told of each accepted command's end, exactly once, on any thread, possibly before the submitting verb returns.
// completed() must not block, and none of it may call the backend.
class CompletionSink {
 public:
  virtual void completed(std::uint64_t token, Outcome outcome, const wire::CommandTimes& times) = 0;

  // The driver compiles now: a launch that was accepted must have its kernel compiled before it can run, or wait for a
  // compiler. The device is free until end_launch_compile() has returned, which may block. Both on the thread that runs
  // the launch.
  virtual void begin_launch_compile() {}
  virtual void end_launch_compile() {}
  // The backend compiles for no command in flight. On any thread, never more than a few at a time.
  virtual void begin_compile() {}
  virtual void end_compile() {}
  // Commands of the session wait for their turn on the device. On any thread.
  virtual bool keeps_waiting() const { return false; }

 protected:
  ~CompletionSink() = default;
};

// How a command is enqueued. `token` is handed to the sink. An Event is made only if `make_event`.
struct Submission {
  Queue* queue = nullptr;
  std::span<Event* const> wait_list;
  std::uint64_t token = 0;
  bool make_event = false;
};

// ok: accepted, and the sink will be told of its end. Anything else: nothing was enqueued, and the sink is not told.
struct Submitted {
  Outcome outcome = Outcome::ok;
  std::unique_ptr<Event> event;
};

struct ImageShape {
  wire::ImageKind kind = wire::ImageKind::d2;
  std::uint32_t channel_order = 0, channel_type = 0;
  std::uint64_t width = 1, height = 1, depth = 1, layers = 0;
  std::uint64_t row_pitch = 0, slice_pitch = 0;
};

// On the whole device, or on a run of its compute units (if its traits say that it is partitionable).
struct QueueShape {
  bool out_of_order = false;
  std::uint32_t first_unit = 0, units = 0;  // 0 units: the whole device
};

struct SamplerMode {
  bool normalized = false;
  std::uint32_t addressing_mode = 0, filter_mode = 0;
};

struct BufferRows {
  Box origin, region;
  std::uint64_t row_pitch = 0, slice_pitch = 0;
};

struct ArgumentRef {
  wire::ArgumentValue value{};
  std::span<const std::byte> bytes;  // ArgumentValue::bytes
  Memory* memory = nullptr;          // ArgumentValue::object: one of these two; neither: a null buffer
  Sampler* sampler = nullptr;
  std::uint32_t local_bytes = 0;  // ArgumentValue::local
  std::byte* pointer = nullptr;   // ArgumentValue::pointer: in the arena
};

struct Launch {
  std::uint32_t dimensions = 1;
  std::array<std::uint64_t, 3> global_offset{}, global_size{}, local_size{};  // local all 0: the device chooses
  std::span<const ArgumentRef> arguments;
};

// One open device. Destroying it waits for what is in flight.
class Device {
 public:
  virtual ~Device() = default;
  virtual const wire::DeviceTraits& traits() const = 0;

  // Set once, before anything is submitted.
  virtual void set_sink(CompletionSink& sink) = 0;

  // Where the driver may keep compiled code: a folder of the session's tenant. Called once, when a session attaches,
  // before any build. The folder exists and is private to the tenant.
  virtual Status use_cache_folder(const std::string& path) = 0;

  // Memory. `host` is where the contents live on devices that work on host memory, else empty.
  virtual Made<Memory> create_buffer(std::uint64_t bytes, std::span<std::byte> host, std::uint32_t access) = 0;
  virtual Made<Memory> create_sub_buffer(Memory& parent, std::uint64_t origin, std::uint64_t bytes,
                                         std::uint32_t access) = 0;
  // `buffer`: for a 1D image over a buffer, else null.
  virtual Made<Memory> create_image(const ImageShape& shape, std::span<std::byte> host, Memory* buffer,
                                    std::uint32_t access) = 0;
  virtual Made<Sampler> create_sampler(const SamplerMode& mode) = 0;

  // Programs. build() and binary() may take minutes and are called on a builder thread, several at a time; `inputs`
  // are compiled programs (BuildVerb::link). On success `program` holds the result.
  virtual wire::BuildReply build(const wire::BuildRequest& request, std::span<Program* const> inputs,
                                 std::unique_ptr<Program>& program) = 0;
  virtual Outcome binary(Program& program, std::string& bytes) = 0;
  // `index` counts the kernels as BuildReply::kernels does.
  virtual Made<Kernel> create_kernel(Program& program, std::uint32_t index) = 0;
  virtual Outcome check_argument(Kernel& kernel, std::uint32_t index, std::uint32_t bytes) = 0;
  // Called once, when the program has gone: saves, until the deadline, what later sessions of the tenant gain from.
  virtual void save_builds(Nanoseconds deadline_ns) = 0;

  // Queues and events.
  virtual Made<Queue> create_queue(const QueueShape& shape) = 0;
  virtual Made<Event> create_user_event() = 0;
  virtual void set_user_event(Event& event, bool failed) = 0;
  // Makes sure that all that was submitted will run without another call.
  virtual void flush(Queue& queue) = 0;

  // Commands. Source memory of a write may be reused only when the command has completed.
  virtual Submitted write_buffer(const Submission& how, Memory& dst, std::uint64_t offset,
                                 std::span<const std::byte> src) = 0;
  virtual Submitted read_buffer(const Submission& how, Memory& src, std::uint64_t offset, std::span<std::byte> dst) = 0;
  virtual Submitted copy_buffer(const Submission& how, Memory& src, std::uint64_t src_offset, Memory& dst,
                                std::uint64_t dst_offset, std::uint64_t bytes) = 0;
  virtual Submitted fill_buffer(const Submission& how, Memory& dst, std::uint64_t offset, std::uint64_t bytes,
                                std::span<const std::byte> pattern) = 0;
  // The host side of rectangles and images is packed: row pitch region.x, slice pitch region.x * region.y.
  virtual Submitted write_buffer_rect(const Submission& how, Memory& dst, const BufferRows& rows,
                                      std::span<const std::byte> packed) = 0;
  virtual Submitted read_buffer_rect(const Submission& how, Memory& src, const BufferRows& rows,
                                     std::span<std::byte> packed) = 0;
  virtual Submitted copy_buffer_rect(const Submission& how, Memory& src, const BufferRows& src_rows, Memory& dst,
                                     const BufferRows& dst_rows) = 0;
  virtual Submitted write_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                                std::span<const std::byte> packed) = 0;
  virtual Submitted read_image(const Submission& how, Memory& src, const Box& origin, const Box& region,
                               std::span<std::byte> packed) = 0;
  virtual Submitted copy_image(const Submission& how, Memory& src, const Box& src_origin, Memory& dst,
                               const Box& dst_origin, const Box& region) = 0;
  virtual Submitted fill_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                               std::span<const std::uint32_t, 4> color) = 0;
  virtual Submitted copy_image_to_buffer(const Submission& how, Memory& image, const Box& origin, const Box& region,
                                         Memory& buffer, std::uint64_t buffer_offset) = 0;
  virtual Submitted copy_buffer_to_image(const Submission& how, Memory& buffer, std::uint64_t buffer_offset,
                                         Memory& image, const Box& origin, const Box& region) = 0;
  virtual Submitted launch(const Submission& how, Kernel& kernel, const Launch& launch) = 0;
  virtual Submitted marker(const Submission& how) = 0;
  virtual Submitted barrier(const Submission& how) = 0;
};

// One driver API with all its devices.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "opencl"
  // Loads the drivers. The order is stable for the same drivers and environment.
  virtual std::size_t device_count() = 0;
  virtual Result<std::vector<wire::DeviceTraits>> discover() = 0;
  virtual Result<std::unique_ptr<Device>> open(std::size_t index) = 0;
};

// Every backend of this build, in the order in which the pool numbers their devices (all.cpp).
std::vector<std::unique_ptr<Backend>> make_backends();

}  // namespace sluice::backend
