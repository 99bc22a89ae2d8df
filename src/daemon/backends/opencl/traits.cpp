#include "daemon/backends/opencl/traits.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "daemon/backends/opencl/digest.h"

namespace sluice::backend::opencl {
namespace {

using wire::DeviceTraits;
using wire::ImageKind;

class DeviceQuery {
 public:
  explicit DeviceQuery(cl_device_id device) : device_(device) {}
  template <typename T>
  T value(cl_device_info what) const {
    return value_of<T>(asking(clGetDeviceInfo, device_), what);
  }
  std::string text(cl_device_info what) const { return text_of(asking(clGetDeviceInfo, device_), what); }
  template <typename T>
  std::vector<T> list(cl_device_info what) const {
    return list_of<T>(asking(clGetDeviceInfo, device_), what);
  }
  std::uint32_t u32(cl_device_info what) const { return value<cl_uint>(what); }
  std::uint64_t u64(cl_device_info what) const { return value<cl_ulong>(what); }
  std::uint64_t size(cl_device_info what) const { return value<std::size_t>(what); }
  bool flag(cl_device_info what) const { return value<cl_bool>(what) != CL_FALSE; }

 private:
  cl_device_id device_;
};

// The bits that go into the traits as the driver gives them.
static_assert(wire::shares_between_commands == CL_DEVICE_SVM_COARSE_GRAIN_BUFFER &&
              wire::shares_at_any_time == CL_DEVICE_SVM_FINE_GRAIN_BUFFER &&
              wire::shares_atomics == CL_DEVICE_SVM_ATOMICS);
static_assert(wire::float_denormals == CL_FP_DENORM &&
              wire::float_exact_divide_and_root == CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT);
static_assert(wire::atomic_relaxed == CL_DEVICE_ATOMIC_ORDER_RELAXED &&
              wire::atomic_in_all_devices == CL_DEVICE_ATOMIC_SCOPE_ALL_DEVICES);
static_assert(wire::executes_kernels == CL_EXEC_KERNEL && wire::executes_host_functions == CL_EXEC_NATIVE_KERNEL);

// "OpenCL 1.2 ..." as a cl_version.
std::uint32_t parse_version(const std::string& text) {
  unsigned major = 1, minor = 0;
  if (std::sscanf(text.c_str(), "OpenCL %u.%u", &major, &minor) != 2) return CL_MAKE_VERSION(1, 0, 0);
  return CL_MAKE_VERSION(major, minor, 0);
}

std::vector<wire::NamedVersion> named_versions(const DeviceQuery& ask, cl_device_info what) {
  std::vector<wire::NamedVersion> named;
  for (const cl_name_version& item : ask.list<cl_name_version>(what))
    named.push_back({std::string(item.name, strnlen(item.name, sizeof item.name)), item.version});
  return named;
}

// Drivers before OpenCL 3.0 only have the list in words.
std::vector<wire::NamedVersion> extension_words(const std::string& words) {
  std::vector<wire::NamedVersion> named;
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    if (end > at) named.push_back({words.substr(at, end - at), CL_MAKE_VERSION(1, 0, 0)});
    at = end + 1;
  }
  return named;
}

void read_uuid(DeviceTraits& t, const DeviceQuery& ask, std::size_t number) {
  const auto given = ask.list<std::uint8_t>(CL_DEVICE_UUID_KHR);
  const bool usable = given.size() == sizeof t.uuid &&
                      std::any_of(given.begin(), given.end(), [](std::uint8_t byte) { return byte != 0; });
  if (usable) {
    std::copy(given.begin(), given.end(), t.uuid);
    return;
  }
  Hasher hasher;
  for (const std::string* field : {&t.platform_name, &t.vendor, &t.name, &t.device_version, &t.driver_version})
    hasher.add_field(*field);
  hasher.add_field(std::to_string(number));
  const Digest digest = hasher.finish();
  std::copy_n(digest.begin(), sizeof t.uuid, t.uuid);
}

wire::DeviceKind kind_of(cl_device_type type) {
  if ((type & CL_DEVICE_TYPE_GPU) != 0) return wire::DeviceKind::gpu;
  return (type & CL_DEVICE_TYPE_CPU) != 0 ? wire::DeviceKind::cpu : wire::DeviceKind::accelerator;
}

// PoCL's CPU devices use a buffer's host memory in place, images too, with the pitches they are given. Of other
// drivers nothing is promised. SLUICE_STAGED_MEMORY=1 treats every device as one with memory of its own: that path
// can then be tested without such a device.
bool works_on_host_memory(const DeviceTraits& t) {
  const char* staged = std::getenv("SLUICE_STAGED_MEMORY");
  if (staged != nullptr && std::strcmp(staged, "1") == 0) return false;
  return t.kind == wire::DeviceKind::cpu && t.platform_name == pocl_platform;
}

void read_identity(DeviceTraits& t, const DeviceQuery& ask, std::size_t number) {
  t.name = ask.text(CL_DEVICE_NAME);
  t.vendor = ask.text(CL_DEVICE_VENDOR);
  t.driver_version = ask.text(CL_DRIVER_VERSION);
  t.device_version = ask.text(CL_DEVICE_VERSION);
  t.c_version = ask.text(CL_DEVICE_OPENCL_C_VERSION);
  t.profile = ask.text(CL_DEVICE_PROFILE);
  t.vendor_id = ask.u32(CL_DEVICE_VENDOR_ID);
  t.kind = kind_of(ask.value<cl_device_type>(CL_DEVICE_TYPE));
  t.numeric_version = ask.u32(CL_DEVICE_NUMERIC_VERSION);
  if (t.numeric_version == 0) t.numeric_version = parse_version(t.device_version);
  t.extensions = named_versions(ask, CL_DEVICE_EXTENSIONS_WITH_VERSION);
  if (t.extensions.empty()) t.extensions = extension_words(ask.text(CL_DEVICE_EXTENSIONS));
  t.c_versions = named_versions(ask, CL_DEVICE_OPENCL_C_ALL_VERSIONS);
  t.c_features = named_versions(ask, CL_DEVICE_OPENCL_C_FEATURES);
  read_uuid(t, ask, number);
  t.buffers_in_arena = works_on_host_memory(t);
  t.images_in_arena = t.buffers_in_arena;
  // PoCL's CPU devices take any address of the process that runs their kernels. What they offer beyond buffers
  // (CL_DEVICE_SVM_FINE_GRAIN_SYSTEM) would be that process's memory, not the program's.
  constexpr cl_device_svm_capabilities offered =
      CL_DEVICE_SVM_COARSE_GRAIN_BUFFER | CL_DEVICE_SVM_FINE_GRAIN_BUFFER | CL_DEVICE_SVM_ATOMICS;
  if (t.buffers_in_arena)
    t.shared_virtual_memory = ask.value<cl_device_svm_capabilities>(CL_DEVICE_SVM_CAPABILITIES) & offered;
}

wire::VectorWidths read_widths(const DeviceQuery& ask, std::array<cl_device_info, 7> what) {
  return {ask.u32(what[0]), ask.u32(what[1]), ask.u32(what[2]), ask.u32(what[3]),
          ask.u32(what[4]), ask.u32(what[5]), ask.u32(what[6])};
}

void read_arithmetic(DeviceTraits& t, const DeviceQuery& ask) {
  t.preferred_widths = read_widths(ask, {CL_DEVICE_PREFERRED_VECTOR_WIDTH_CHAR, CL_DEVICE_PREFERRED_VECTOR_WIDTH_SHORT,
                                         CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT, CL_DEVICE_PREFERRED_VECTOR_WIDTH_LONG,
                                         CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF, CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT,
                                         CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE});
  t.native_widths = read_widths(
      ask, {CL_DEVICE_NATIVE_VECTOR_WIDTH_CHAR, CL_DEVICE_NATIVE_VECTOR_WIDTH_SHORT, CL_DEVICE_NATIVE_VECTOR_WIDTH_INT,
            CL_DEVICE_NATIVE_VECTOR_WIDTH_LONG, CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT,
            CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE});
  t.single_fp = ask.value<cl_device_fp_config>(CL_DEVICE_SINGLE_FP_CONFIG);
  t.double_fp = ask.value<cl_device_fp_config>(CL_DEVICE_DOUBLE_FP_CONFIG);
  t.half_fp = ask.value<cl_device_fp_config>(CL_DEVICE_HALF_FP_CONFIG);
  t.atomic_memory = ask.u64(CL_DEVICE_ATOMIC_MEMORY_CAPABILITIES);
  t.atomic_fence = ask.u64(CL_DEVICE_ATOMIC_FENCE_CAPABILITIES);
}

void read_compute(DeviceTraits& t, const DeviceQuery& ask) {
  t.compute_units = std::max(1u, ask.u32(CL_DEVICE_MAX_COMPUTE_UNITS));
  t.clock_mhz = ask.u32(CL_DEVICE_MAX_CLOCK_FREQUENCY);
  t.address_bits = ask.u32(CL_DEVICE_ADDRESS_BITS);
  t.work_item_dimensions = ask.u32(CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS);
  const auto sizes = ask.list<std::size_t>(CL_DEVICE_MAX_WORK_ITEM_SIZES);
  for (std::size_t i = 0; i < 3 && i < sizes.size(); ++i) t.work_item_sizes_max[i] = sizes[i];
  t.work_group_size_max = ask.size(CL_DEVICE_MAX_WORK_GROUP_SIZE);
  t.preferred_work_group_multiple = std::max<std::uint64_t>(1, ask.size(CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE));
  t.sub_groups_max = ask.u32(CL_DEVICE_MAX_NUM_SUB_GROUPS);
  read_arithmetic(t, ask);
  t.little_endian = ask.flag(CL_DEVICE_ENDIAN_LITTLE);
  t.error_correction = ask.flag(CL_DEVICE_ERROR_CORRECTION_SUPPORT);
  t.available = ask.flag(CL_DEVICE_AVAILABLE);
  t.compiler_available = ask.flag(CL_DEVICE_COMPILER_AVAILABLE);
  t.linker_available = ask.flag(CL_DEVICE_LINKER_AVAILABLE);
  t.unified_memory = ask.flag(CL_DEVICE_HOST_UNIFIED_MEMORY);
  t.non_uniform_work_groups = ask.flag(CL_DEVICE_NON_UNIFORM_WORK_GROUP_SUPPORT);
  t.generic_address_space = ask.flag(CL_DEVICE_GENERIC_ADDRESS_SPACE_SUPPORT);
  t.work_group_collectives = ask.flag(CL_DEVICE_WORK_GROUP_COLLECTIVE_FUNCTIONS_SUPPORT);
  t.execution = ask.value<cl_device_exec_capabilities>(CL_DEVICE_EXECUTION_CAPABILITIES);
  t.profiling_resolution_ns = ask.size(CL_DEVICE_PROFILING_TIMER_RESOLUTION);
  t.printf_buffer_bytes = ask.size(CL_DEVICE_PRINTF_BUFFER_SIZE);
  t.parameter_bytes_max = ask.size(CL_DEVICE_MAX_PARAMETER_SIZE);
  const auto queue = ask.value<cl_command_queue_properties>(CL_DEVICE_QUEUE_PROPERTIES);
  t.out_of_order_queues = (queue & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
}

void read_memory(DeviceTraits& t, const DeviceQuery& ask) {
  t.global_memory_bytes = ask.u64(CL_DEVICE_GLOBAL_MEM_SIZE);
  t.allocation_bytes_max = ask.u64(CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  t.global_cache_bytes = ask.u64(CL_DEVICE_GLOBAL_MEM_CACHE_SIZE);
  t.global_cacheline_bytes = ask.u32(CL_DEVICE_GLOBAL_MEM_CACHELINE_SIZE);
  const auto cache = ask.value<cl_device_mem_cache_type>(CL_DEVICE_GLOBAL_MEM_CACHE_TYPE);
  t.global_cache = cache == CL_READ_WRITE_CACHE  ? wire::CacheKind::read_write
                   : cache == CL_READ_ONLY_CACHE ? wire::CacheKind::read_only
                                                 : wire::CacheKind::none;
  t.local_memory_bytes = ask.u64(CL_DEVICE_LOCAL_MEM_SIZE);
  t.local_memory_dedicated = ask.value<cl_device_local_mem_type>(CL_DEVICE_LOCAL_MEM_TYPE) == CL_LOCAL;
  t.constant_buffer_bytes_max = ask.u64(CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE);
  t.constant_arguments_max = ask.u32(CL_DEVICE_MAX_CONSTANT_ARGS);
  t.base_address_align_bits = ask.u32(CL_DEVICE_MEM_BASE_ADDR_ALIGN);
  t.data_type_align_bytes = ask.u32(CL_DEVICE_MIN_DATA_TYPE_ALIGN_SIZE);
  t.global_variable_bytes_max = ask.size(CL_DEVICE_MAX_GLOBAL_VARIABLE_SIZE);
  t.global_variable_bytes_preferred = ask.size(CL_DEVICE_GLOBAL_VARIABLE_PREFERRED_TOTAL_SIZE);
}

struct ImageType {
  cl_mem_object_type type;
  ImageKind kind;
};
constexpr ImageType image_types[] = {{CL_MEM_OBJECT_IMAGE1D, ImageKind::d1},
                                     {CL_MEM_OBJECT_IMAGE1D_ARRAY, ImageKind::d1_array},
                                     {CL_MEM_OBJECT_IMAGE1D_BUFFER, ImageKind::d1_buffer},
                                     {CL_MEM_OBJECT_IMAGE2D, ImageKind::d2},
                                     {CL_MEM_OBJECT_IMAGE2D_ARRAY, ImageKind::d2_array},
                                     {CL_MEM_OBJECT_IMAGE3D, ImageKind::d3}};

struct FormatUse {
  cl_mem_flags flags;
  wire::ImageUse use;
};
constexpr FormatUse format_uses[] = {{CL_MEM_READ_ONLY, wire::ImageUse::image_read},
                                     {CL_MEM_WRITE_ONLY, wire::ImageUse::image_write},
                                     {CL_MEM_KERNEL_READ_AND_WRITE, wire::ImageUse::image_read_write}};

std::vector<cl_image_format> supported_formats(cl_context context, cl_mem_flags flags, cl_mem_object_type type) {
  cl_uint count = 0;
  if (clGetSupportedImageFormats(context, flags, type, 0, nullptr, &count) != CL_SUCCESS || count == 0) return {};
  std::vector<cl_image_format> formats(count);
  if (clGetSupportedImageFormats(context, flags, type, count, formats.data(), nullptr) != CL_SUCCESS) return {};
  return formats;
}

void add_format(std::vector<wire::ImageFormat>& known, const cl_image_format& format, ImageKind kind,
                std::uint8_t use) {
  for (wire::ImageFormat& seen : known) {
    if (seen.kind != kind || seen.channel_order != format.image_channel_order ||
        seen.channel_type != format.image_channel_data_type)
      continue;
    seen.uses = static_cast<std::uint8_t>(seen.uses | use);
    return;
  }
  known.push_back({format.image_channel_order, format.image_channel_data_type, kind, use});
}

void read_images(DeviceTraits& t, const DeviceQuery& ask, cl_context context) {
  t.images = ask.flag(CL_DEVICE_IMAGE_SUPPORT);
  if (!t.images) return;
  t.read_images_max = ask.u32(CL_DEVICE_MAX_READ_IMAGE_ARGS);
  t.write_images_max = ask.u32(CL_DEVICE_MAX_WRITE_IMAGE_ARGS);
  t.read_write_images_max = ask.u32(CL_DEVICE_MAX_READ_WRITE_IMAGE_ARGS);
  t.samplers_max = ask.u32(CL_DEVICE_MAX_SAMPLERS);
  t.image_2d_max[0] = ask.size(CL_DEVICE_IMAGE2D_MAX_WIDTH);
  t.image_2d_max[1] = ask.size(CL_DEVICE_IMAGE2D_MAX_HEIGHT);
  t.image_3d_max[0] = ask.size(CL_DEVICE_IMAGE3D_MAX_WIDTH);
  t.image_3d_max[1] = ask.size(CL_DEVICE_IMAGE3D_MAX_HEIGHT);
  t.image_3d_max[2] = ask.size(CL_DEVICE_IMAGE3D_MAX_DEPTH);
  t.image_buffer_pixels_max = ask.size(CL_DEVICE_IMAGE_MAX_BUFFER_SIZE);
  t.image_array_layers_max = ask.size(CL_DEVICE_IMAGE_MAX_ARRAY_SIZE);
  t.image_pitch_align_pixels = ask.u32(CL_DEVICE_IMAGE_PITCH_ALIGNMENT);
  t.image_base_align_pixels = ask.u32(CL_DEVICE_IMAGE_BASE_ADDRESS_ALIGNMENT);
  for (const auto& [type, kind] : image_types) {
    for (const auto& [flags, use] : format_uses) {
      if (flags == CL_MEM_KERNEL_READ_AND_WRITE && t.numeric_version < CL_MAKE_VERSION(2, 0, 0)) continue;
      for (const cl_image_format& format : supported_formats(context, flags, type))
        add_format(t.image_formats, format, kind, use);
    }
  }
}

}  // namespace

wire::DeviceTraits read_traits(cl_platform_id platform, cl_device_id device, cl_context context, std::size_t number) {
  const DeviceQuery ask(device);
  DeviceTraits traits;
  traits.platform_name = text_of(asking(clGetPlatformInfo, platform), CL_PLATFORM_NAME);
  read_identity(traits, ask, number);
  read_compute(traits, ask);
  read_memory(traits, ask);
  read_images(traits, ask, context);
  return traits;
}

}  // namespace sluice::backend::opencl
