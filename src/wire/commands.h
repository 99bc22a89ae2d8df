// The commands of the neutral protocol, as they lie in the ring.
//
// Every command is a fixed struct that starts with a CommandHeader; `bytes` counts the whole command with what trails
// it, and is a multiple of 8. Numbers are never reused. Padding is explicit and zero. Offsets named `*_at` are byte
// offsets into the session's arena. Ids are minted by the shim, start at 1, and are never reused in a session.
//
// Posts need no answer. A call names a ReplySlot (timeline.h), which the worker fills when it is done; calls that run
// long (builds) are answered out of order. Enqueued commands go to one queue, in the order of the ring, and advance
// its timeline.
//
// To add a command: see docs/EXTENDING.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::wire {

using ObjectId = std::uint64_t;

inline constexpr std::uint64_t no_offset = UINT64_MAX;  // in place of an offset: not in the arena
inline constexpr std::uint32_t command_bytes_max = 64 * 1024;
inline constexpr std::uint32_t wait_list_max = 4096;  // events that one command may wait for
inline constexpr std::uint32_t fill_pattern_bytes_max = 128;
inline constexpr std::uint32_t inline_write_bytes_max = 4096;

enum class Op : std::uint16_t {
  // objects
  buffer_create = 1,          // call
  sub_buffer_create = 2,      // post
  image_create = 3,           // call
  sampler_create = 4,         // post
  program_build = 5,          // call: build, compile or link
  program_binary = 6,         // call
  kernel_create = 7,          // post
  kernel_argument_check = 8,  // call
  queue_create = 9,           // post
  user_event_create = 10,     // post
  user_event_set = 11,        // post
  object_release = 12,        // post
  // enqueued
  buffer_write = 32,
  buffer_read = 33,
  buffer_copy = 34,
  buffer_fill = 35,
  buffer_write_rect = 36,
  buffer_read_rect = 37,
  buffer_copy_rect = 38,
  image_write = 39,
  image_read = 40,
  image_copy = 41,
  image_fill = 42,
  image_to_buffer = 43,
  buffer_to_image = 44,
  kernel_launch = 45,
  marker = 46,
  barrier = 47,
};

// What a queue orders. Everything else is carried out when it is read.
constexpr bool is_enqueued(Op op) { return op >= Op::buffer_write; }

struct CommandHeader {
  Op op{};
  std::uint16_t zero = 0;
  std::uint32_t bytes = 0;
};
static_assert(sizeof(CommandHeader) == 8);

// Where a call's answer goes. `data_at`/`data_bytes` is room in the arena for a variable answer; 0 bytes: none.
struct CallHeader {
  CommandHeader header;
  std::uint64_t reply_at = no_offset;
  std::uint64_t data_at = 0;
  std::uint64_t data_bytes = 0;
};
static_assert(sizeof(CallHeader) == 32);

enum MemoryAccess : std::uint32_t { device_reads = 1, device_writes = 2 };

struct BufferCreate {
  static constexpr Op op = Op::buffer_create;
  CallHeader call;
  ObjectId id = 0;
  std::uint64_t bytes = 0;
  std::uint64_t arena_at = no_offset;                   // where its memory is, on devices that work on host memory
  std::uint32_t access = device_reads | device_writes;  // MemoryAccess bits
  std::uint32_t zero = 0;
};
static_assert(sizeof(BufferCreate) == 64 && offsetof(BufferCreate, arena_at) == 48);

struct SubBufferCreate {
  static constexpr Op op = Op::sub_buffer_create;
  CommandHeader header;
  ObjectId id = 0;
  ObjectId parent = 0;
  std::uint64_t origin = 0;
  std::uint64_t bytes = 0;
  std::uint32_t access = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(SubBufferCreate) == 48);

// Numbers of ImageKind (device_traits.h). Unused sizes are 1, unused layers 0.
struct ImageCreate {
  static constexpr Op op = Op::image_create;
  CallHeader call;
  ObjectId id = 0;
  ObjectId buffer = 0;  // of a 1D image over a buffer, else 0
  std::uint64_t width = 1, height = 1, depth = 1, layers = 0;
  std::uint64_t row_pitch = 0, slice_pitch = 0;  // bytes; of the arena's copy or of `buffer`; 0: packed
  std::uint64_t arena_at = no_offset;
  std::uint64_t bytes = 0;  // what it counts for in the slice's memory
  std::uint32_t channel_order = 0, channel_type = 0;
  std::uint32_t kind = 0;
  std::uint32_t access = 0;
};
static_assert(sizeof(ImageCreate) == 128 && offsetof(ImageCreate, arena_at) == 96);

// What a sampler returns outside of an image, and between pixels.
enum AddressingMode : std::uint32_t {
  address_unchecked = 0x1130,
  address_clamp_to_edge = 0x1131,
  address_clamp_to_border = 0x1132,
  address_repeat = 0x1133,
  address_mirrored_repeat = 0x1134,
};
enum FilterMode : std::uint32_t { filter_nearest = 0x1140, filter_linear = 0x1141 };

struct SamplerCreate {
  static constexpr Op op = Op::sampler_create;
  CommandHeader header;
  ObjectId id = 0;
  std::uint32_t normalized = 0;       // 0 or 1
  std::uint32_t addressing_mode = 0;  // AddressingMode
  std::uint32_t filter_mode = 0;      // FilterMode
  std::uint32_t zero = 0;
};
static_assert(sizeof(SamplerCreate) == 32);

// The request is an encoded BuildRequest at request_at; the answer an encoded BuildReply (kernel_traits.h).
struct ProgramBuild {
  static constexpr Op op = Op::program_build;
  CallHeader call;
  ObjectId id = 0;
  std::uint64_t request_at = 0;
  std::uint64_t request_bytes = 0;
};
static_assert(sizeof(ProgramBuild) == 56);

struct ProgramBinary {
  static constexpr Op op = Op::program_binary;
  CallHeader call;
  ObjectId id = 0;
};
static_assert(sizeof(ProgramBinary) == 40);

struct KernelCreate {
  static constexpr Op op = Op::kernel_create;
  CommandHeader header;
  ObjectId id = 0;
  ObjectId program = 0;
  std::uint32_t index = 0;  // of the kernel in the BuildReply
  std::uint32_t zero = 0;
};
static_assert(sizeof(KernelCreate) == 32);

// Is `bytes` the right size for this by-value argument? For types whose size the driver does not tell.
struct KernelArgumentCheck {
  static constexpr Op op = Op::kernel_argument_check;
  CallHeader call;
  ObjectId kernel = 0;
  std::uint32_t index = 0;
  std::uint32_t bytes = 0;
};
static_assert(sizeof(KernelArgumentCheck) == 48);

struct QueueCreate {
  static constexpr Op op = Op::queue_create;
  CommandHeader header;
  ObjectId id = 0;
  std::uint64_t timeline_at = 0;   // its TimelineSlot
  std::uint32_t out_of_order = 0;  // 0 or 1
  std::uint32_t first_unit = 0;    // of a part of the device (DeviceTraits::partitionable); units 0: the whole device
  std::uint32_t units = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(QueueCreate) == 40);

struct UserEventCreate {
  static constexpr Op op = Op::user_event_create;
  CommandHeader header;
  ObjectId id = 0;
};
static_assert(sizeof(UserEventCreate) == 16);

struct UserEventSet {
  static constexpr Op op = Op::user_event_set;
  CommandHeader header;
  ObjectId id = 0;
  std::int32_t failed = 0;  // 0: complete; 1: ended with an error
  std::uint32_t zero = 0;
};
static_assert(sizeof(UserEventSet) == 24);

// Drops the program's hold on any object; the worker keeps it for as long as commands use it.
struct ObjectRelease {
  static constexpr Op op = Op::object_release;
  CommandHeader header;
  ObjectId id = 0;
};
static_assert(sizeof(ObjectRelease) == 16);

// The front of every enqueued command. `wait_count` ids of events trail the fixed struct (and its other trailing
// data comes after them). `sequence` counts this queue's commands from 1 without a gap.
struct EnqueueHeader {
  CommandHeader header;
  ObjectId queue = 0;
  std::uint64_t sequence = 0;
  ObjectId event = 0;                  // 0: the program holds no event for this command
  std::uint64_t event_at = no_offset;  // its EventSlot, if it has one
  std::uint32_t wait_count = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(EnqueueHeader) == 48);

// Data comes from the arena, or trails the command if arena_at is no_offset (at most inline_write_bytes_max).
struct BufferWrite {
  static constexpr Op op = Op::buffer_write;
  EnqueueHeader enqueue;
  ObjectId buffer = 0;
  std::uint64_t dst_offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t arena_at = 0;
};
static_assert(sizeof(BufferWrite) == 80 && offsetof(BufferWrite, dst_offset) == 56);

struct BufferRead {
  static constexpr Op op = Op::buffer_read;
  EnqueueHeader enqueue;
  ObjectId buffer = 0;
  std::uint64_t src_offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t arena_at = 0;
};
static_assert(sizeof(BufferRead) == 80);

struct BufferCopy {
  static constexpr Op op = Op::buffer_copy;
  EnqueueHeader enqueue;
  ObjectId src = 0, dst = 0;
  std::uint64_t src_offset = 0, dst_offset = 0;
  std::uint64_t bytes = 0;
};
static_assert(sizeof(BufferCopy) == 88);

// The pattern trails the command.
struct BufferFill {
  static constexpr Op op = Op::buffer_fill;
  EnqueueHeader enqueue;
  ObjectId buffer = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint32_t pattern_bytes = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(BufferFill) == 80);

struct Box {
  std::uint64_t x = 0, y = 0, z = 0;
};

// Rows between a buffer and packed rows in the arena.
struct BufferRect {
  EnqueueHeader enqueue;
  ObjectId buffer = 0;
  Box origin;  // bytes, rows, slices
  Box region;
  std::uint64_t row_pitch = 0, slice_pitch = 0;  // of the buffer; never 0
  std::uint64_t arena_at = 0;
};
static_assert(sizeof(BufferRect) == 128);
struct BufferWriteRect : BufferRect {
  static constexpr Op op = Op::buffer_write_rect;
};
struct BufferReadRect : BufferRect {
  static constexpr Op op = Op::buffer_read_rect;
};

struct BufferCopyRect {
  static constexpr Op op = Op::buffer_copy_rect;
  EnqueueHeader enqueue;
  ObjectId src = 0, dst = 0;
  Box src_origin, dst_origin, region;
  std::uint64_t src_row_pitch = 0, src_slice_pitch = 0, dst_row_pitch = 0, dst_slice_pitch = 0;
};
static_assert(sizeof(BufferCopyRect) == 168);

// Between an image and packed pixels in the arena.
struct ImageTransfer {
  EnqueueHeader enqueue;
  ObjectId image = 0;
  Box origin, region;  // pixels
  std::uint64_t arena_at = 0;
};
static_assert(sizeof(ImageTransfer) == 112);
struct ImageWrite : ImageTransfer {
  static constexpr Op op = Op::image_write;
};
struct ImageRead : ImageTransfer {
  static constexpr Op op = Op::image_read;
};

struct ImageCopy {
  static constexpr Op op = Op::image_copy;
  EnqueueHeader enqueue;
  ObjectId src = 0, dst = 0;
  Box src_origin, dst_origin, region;
};
static_assert(sizeof(ImageCopy) == 136);

struct ImageFill {
  static constexpr Op op = Op::image_fill;
  EnqueueHeader enqueue;
  ObjectId image = 0;
  Box origin, region;
  std::uint32_t color[4] = {};  // float, int or unsigned by the image's channel type
};
static_assert(sizeof(ImageFill) == 120);

struct ImageBufferCopy {
  EnqueueHeader enqueue;
  ObjectId image = 0, buffer = 0;
  Box origin, region;  // of the image
  std::uint64_t buffer_offset = 0;
};
static_assert(sizeof(ImageBufferCopy) == 120);
struct ImageToBuffer : ImageBufferCopy {
  static constexpr Op op = Op::image_to_buffer;
};
struct BufferToImage : ImageBufferCopy {
  static constexpr Op op = Op::buffer_to_image;
};

// `argument_count` records trail the command, each a KernelArgument and its data, padded to 8.
struct KernelLaunch {
  static constexpr Op op = Op::kernel_launch;
  EnqueueHeader enqueue;
  ObjectId kernel = 0;
  std::uint64_t global_offset[3] = {};
  std::uint64_t global_size[3] = {1, 1, 1};
  std::uint64_t local_size[3] = {};  // all 0: the device chooses
  std::uint32_t dimensions = 1;
  std::uint32_t argument_count = 0;  // every argument of the kernel, in order
};
static_assert(sizeof(KernelLaunch) == 136);

enum class ArgumentValue : std::uint32_t {
  bytes = 1,    // `bytes` bytes of data follow
  object = 2,   // an ObjectId follows: buffer, image or sampler; 0: a null buffer
  local = 3,    // `bytes` of local memory; nothing follows
  pointer = 4,  // a place in the arena follows, 8 bytes: the kernel gets its address (shared virtual memory)
};
struct KernelArgument {
  ArgumentValue value{};
  std::uint32_t bytes = 0;
};
static_assert(sizeof(KernelArgument) == 8);

struct Marker {
  static constexpr Op op = Op::marker;
  EnqueueHeader enqueue;
};
struct Barrier {
  static constexpr Op op = Op::barrier;
  EnqueueHeader enqueue;
};

inline constexpr std::uint32_t round_up_8(std::uint32_t bytes) { return (bytes + 7) & ~7u; }

}  // namespace sluice::wire
