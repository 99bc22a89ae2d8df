// DeviceTraits: what a device is and can do, in neutral words. A backend fills it in, the daemon cuts a slice out of
// it, a front end answers its API's device queries from it without a round trip.
//
// Sizes are bytes, times nanoseconds, frequencies MHz. Bits and numbers are part of the protocol: never renumber, never
// reuse. Front ends and backends whose API has the same ones pass them on, and prove by static_assert that they may.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/codec.h"

namespace sluice::wire {

enum class DeviceKind : std::uint8_t { cpu, gpu, accelerator };
enum class CacheKind : std::uint8_t { none, read_only, read_write };

// Which access an image format allows, one bit each.
enum ImageUse : std::uint8_t { image_read = 1, image_write = 2, image_read_write = 4 };
enum class ImageKind : std::uint8_t { d1, d1_array, d1_buffer, d2, d2_array, d3 };

struct ImageFormat {
  std::uint32_t channel_order = 0;  // ChannelOrder (image_format.h)
  std::uint32_t channel_type = 0;   // ChannelType
  ImageKind kind = ImageKind::d2;
  std::uint8_t uses = 0;  // ImageUse bits
};

struct NamedVersion {
  std::string name;
  std::uint32_t version = 0;  // major << 22 | minor << 12 | patch
};

// How kernels may use memory that the program shares with them by address, one bit each.
enum SharedMemoryUse : std::uint64_t {
  shares_between_commands = 1,  // the program and kernels take turns, at maps and unmaps
  shares_at_any_time = 2,       // both use it while commands run, without maps
  shares_all_host_memory = 4,   // kernels reach everything that the program has
  shares_atomics = 8,           // atomic operations of one side are atomic for the other
};

// What floating-point arithmetic of one width can do, one bit each; no bit: the device does not have that width.
enum FloatSupport : std::uint64_t {
  float_denormals = 1,
  float_infinities_and_nan = 2,
  float_rounds_to_nearest = 4,
  float_rounds_to_zero = 8,
  float_rounds_to_infinity = 16,
  float_fused_multiply_add = 32,
  float_in_software = 64,
  float_exact_divide_and_root = 128,
};

// Orders and scopes that atomic operations and fences may have, one bit each.
enum AtomicSupport : std::uint64_t {
  atomic_relaxed = 1,
  atomic_acquire_release = 2,
  atomic_sequential = 4,
  atomic_in_work_item = 8,
  atomic_in_work_group = 16,
  atomic_in_device = 32,
  atomic_in_all_devices = 64,
};

// What a device may be told to run, one bit each.
enum Execution : std::uint64_t {
  executes_kernels = 1,
  executes_host_functions = 2,
};

struct VectorWidths {
  std::uint32_t char_ = 0, short_ = 0, int_ = 0, long_ = 0, half_ = 0, float_ = 0, double_ = 0;
};

struct DeviceTraits {
  // Who it is.
  std::string name, vendor, driver_version, device_version, c_version, platform_name, profile;
  std::uint32_t vendor_id = 0;
  std::uint8_t uuid[16] = {};  // stable over restarts for the same device and driver
  DeviceKind kind = DeviceKind::cpu;
  std::uint32_t numeric_version = 0;
  std::vector<NamedVersion> extensions, c_versions, c_features;

  // How Sluice reaches its memory.
  bool buffers_in_arena = false;  // works on host memory: buffers live in the session's arena
  bool images_in_arena = false;   // the same for images, stored linearly
  // SharedMemoryUse bits; 0: none. A kernel may be given addresses in the arena, which both sides must have mapped at
  // one address.
  std::uint64_t shared_virtual_memory = 0;

  // Compute.
  std::uint32_t compute_units = 1;
  std::uint32_t clock_mhz = 0;
  std::uint32_t address_bits = 64;
  std::uint32_t work_item_dimensions = 3;
  std::uint64_t work_item_sizes_max[3] = {1, 1, 1};
  std::uint64_t work_group_size_max = 1;
  std::uint64_t preferred_work_group_multiple = 1;
  std::uint32_t sub_groups_max = 0;
  VectorWidths preferred_widths, native_widths;
  std::uint64_t single_fp = 0, double_fp = 0, half_fp = 0;  // FloatSupport bits
  std::uint64_t atomic_memory = 0, atomic_fence = 0;        // AtomicSupport bits
  bool little_endian = true, error_correction = false, available = true;
  bool compiler_available = true, linker_available = true, unified_memory = false;
  bool non_uniform_work_groups = false, generic_address_space = false, work_group_collectives = false;
  std::uint64_t execution = 1;  // Execution bits
  std::uint64_t profiling_resolution_ns = 1;
  std::uint64_t printf_buffer_bytes = 0;
  std::uint64_t parameter_bytes_max = 1024;
  bool out_of_order_queues = false;
  bool partitionable = false;  // a queue may be had on a run of its compute units

  // Memory.
  std::uint64_t global_memory_bytes = 0, allocation_bytes_max = 0;
  std::uint64_t global_cache_bytes = 0;
  std::uint32_t global_cacheline_bytes = 0;
  CacheKind global_cache = CacheKind::none;
  std::uint64_t local_memory_bytes = 0;
  bool local_memory_dedicated = false;
  std::uint64_t constant_buffer_bytes_max = 0;
  std::uint32_t constant_arguments_max = 0;
  std::uint32_t base_address_align_bits = 1024, data_type_align_bytes = 128;
  std::uint64_t global_variable_bytes_max = 0, global_variable_bytes_preferred = 0;

  // Images.
  bool images = false;
  std::uint32_t read_images_max = 0, write_images_max = 0, read_write_images_max = 0, samplers_max = 0;
  std::uint64_t image_2d_max[2] = {0, 0}, image_3d_max[3] = {0, 0, 0};
  std::uint64_t image_buffer_pixels_max = 0, image_array_layers_max = 0;
  std::uint32_t image_pitch_align_pixels = 0, image_base_align_pixels = 0;
  std::vector<ImageFormat> image_formats;
};

void encode(Encoder& encoder, const DeviceTraits& traits);
// Leaves the decoder failed if the bytes are not whole.
DeviceTraits decode_device_traits(Decoder& decoder);

}  // namespace sluice::wire
