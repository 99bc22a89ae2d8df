// The answers of clGetDeviceInfo (OpenCL 3.0, section 4.2, table 5), one function per subject. What the front end does
// not offer (pipes, device-side enqueue, sub-groups, IL) is answered as absent, whatever the device
// behind the slice could do.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "shim/opencl/device.h"
#include "shim/opencl/platform.h"

namespace sluice::opencl {
namespace {

using wire::DeviceTraits;

constexpr cl_int not_my_subject = 1;  // no OpenCL error number is positive

// No GPU has more. A CPU behind a slice may say a megabyte, which makes programs that size their kernels by it compile
// for minutes, because they believe that they are on a GPU. A launch may use all that the device really has.
constexpr std::uint64_t local_memory_bytes_shown_max = 64 * 1024;

// The form is the standard's, with a year in which no suite was passed: the device behind has passed one, but not
// through this front end.
constexpr const char* no_conformance_version = "v0000-01-01-00";

cl_bool flag(bool value) { return value ? CL_TRUE : CL_FALSE; }

template <typename Offered>
std::vector<cl_name_version> offered_versions(const std::vector<wire::NamedVersion>& all, Offered offered) {
  std::vector<cl_name_version> kept;
  for (const wire::NamedVersion& named : all) {
    if (!offered(named.name) || named.name.size() >= CL_NAME_VERSION_MAX_NAME_SIZE) continue;
    cl_name_version& entry = kept.emplace_back(cl_name_version{named.version, {}});
    named.name.copy(entry.name, named.name.size());
  }
  return kept;
}

std::string extension_names(const DeviceTraits& traits) {
  std::string names;
  for (const wire::NamedVersion& extension : traits.extensions) {
    if (!offered_extension(extension.name)) continue;
    if (!names.empty()) names += ' ';
    names += extension.name;
  }
  return names;
}

cl_int identity_info(const DeviceTraits& traits, cl_device_info name, const InfoReply& reply) {
  switch (name) {
    case CL_DEVICE_TYPE: return reply.value<cl_device_type>(CL_DEVICE_TYPE_GPU);
    case CL_DEVICE_VENDOR_ID: return reply.value<cl_uint>(traits.vendor_id);
    case CL_DEVICE_PLATFORM: return reply.value<cl_platform_id>(the_platform());
    case CL_DEVICE_NAME: return reply.string("Sluice vGPU (" + traits.name + ")");
    case CL_DEVICE_VENDOR: return reply.string(traits.vendor);
    case CL_DRIVER_VERSION: return reply.string(traits.driver_version);
    case CL_DEVICE_PROFILE: return reply.string(traits.profile);
    case CL_DEVICE_VERSION: return reply.string(traits.device_version);
    case CL_DEVICE_NUMERIC_VERSION: return reply.value<cl_version>(traits.numeric_version);
    case CL_DEVICE_OPENCL_C_VERSION: return reply.string(traits.c_version);
    case CL_DEVICE_OPENCL_C_ALL_VERSIONS:
      return reply.array<cl_name_version>(offered_versions(traits.c_versions, [](std::string_view) { return true; }));
    case CL_DEVICE_OPENCL_C_FEATURES:
      return reply.array<cl_name_version>(offered_versions(traits.c_features, offered_c_feature));
    case CL_DEVICE_EXTENSIONS: return reply.string(extension_names(traits));
    case CL_DEVICE_EXTENSIONS_WITH_VERSION:
      return reply.array<cl_name_version>(offered_versions(traits.extensions, offered_extension));
    case CL_DEVICE_LATEST_CONFORMANCE_VERSION_PASSED: return reply.string(no_conformance_version);
    case CL_DEVICE_AVAILABLE: return reply.value<cl_bool>(flag(traits.available));
    case CL_DEVICE_COMPILER_AVAILABLE: return reply.value<cl_bool>(flag(traits.compiler_available));
    case CL_DEVICE_LINKER_AVAILABLE: return reply.value<cl_bool>(flag(traits.linker_available));
    default: return not_my_subject;
  }
}

cl_int compute_info(const DeviceTraits& traits, cl_device_info name, const InfoReply& reply) {
  switch (name) {
    case CL_DEVICE_MAX_CLOCK_FREQUENCY: return reply.value<cl_uint>(traits.clock_mhz);
    case CL_DEVICE_ADDRESS_BITS: return reply.value<cl_uint>(traits.address_bits);
    case CL_DEVICE_ENDIAN_LITTLE: return reply.value<cl_bool>(flag(traits.little_endian));
    case CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS: return reply.value<cl_uint>(3);
    case CL_DEVICE_MAX_WORK_ITEM_SIZES: {
      std::array<size_t, 3> sizes{};
      std::copy(std::begin(traits.work_item_sizes_max), std::end(traits.work_item_sizes_max), sizes.begin());
      return reply.array<size_t>(sizes);
    }
    case CL_DEVICE_MAX_WORK_GROUP_SIZE: return reply.value<size_t>(traits.work_group_size_max);
    case CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE: return reply.value<size_t>(traits.preferred_work_group_multiple);
    case CL_DEVICE_NON_UNIFORM_WORK_GROUP_SUPPORT: return reply.value<cl_bool>(flag(traits.non_uniform_work_groups));
    case CL_DEVICE_GENERIC_ADDRESS_SPACE_SUPPORT: return reply.value<cl_bool>(flag(traits.generic_address_space));
    case CL_DEVICE_WORK_GROUP_COLLECTIVE_FUNCTIONS_SUPPORT:
      return reply.value<cl_bool>(flag(traits.work_group_collectives));
    case CL_DEVICE_SINGLE_FP_CONFIG: return reply.value<cl_device_fp_config>(traits.single_fp);
    case CL_DEVICE_DOUBLE_FP_CONFIG: return reply.value<cl_device_fp_config>(traits.double_fp);
    case CL_DEVICE_HALF_FP_CONFIG: return reply.value<cl_device_fp_config>(traits.half_fp);
    case CL_DEVICE_SVM_CAPABILITIES: return reply.value<cl_device_svm_capabilities>(traits.shared_virtual_memory);
    case CL_DEVICE_ATOMIC_MEMORY_CAPABILITIES: return reply.value<cl_device_atomic_capabilities>(traits.atomic_memory);
    case CL_DEVICE_ATOMIC_FENCE_CAPABILITIES: return reply.value<cl_device_atomic_capabilities>(traits.atomic_fence);
    case CL_DEVICE_PREFERRED_PLATFORM_ATOMIC_ALIGNMENT:
    case CL_DEVICE_PREFERRED_GLOBAL_ATOMIC_ALIGNMENT:
    case CL_DEVICE_PREFERRED_LOCAL_ATOMIC_ALIGNMENT: return reply.value<cl_uint>(0);  // the type's own size
    case CL_DEVICE_MAX_PARAMETER_SIZE: return reply.value<size_t>(traits.parameter_bytes_max);
    case CL_DEVICE_PRINTF_BUFFER_SIZE: return reply.value<size_t>(traits.printf_buffer_bytes);
    case CL_DEVICE_PROFILING_TIMER_RESOLUTION: return reply.value<size_t>(traits.profiling_resolution_ns);
    case CL_DEVICE_EXECUTION_CAPABILITIES:  // native kernels need the buffers' contents in this process
      return reply.value<cl_device_exec_capabilities>(CL_EXEC_KERNEL |
                                                      (traits.buffers_in_arena ? CL_EXEC_NATIVE_KERNEL : 0));
    case CL_DEVICE_QUEUE_ON_HOST_PROPERTIES:
      return reply.value<cl_command_queue_properties>(
          CL_QUEUE_PROFILING_ENABLE | (traits.out_of_order_queues ? CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : 0));
    case CL_DEVICE_PREFERRED_INTEROP_USER_SYNC: return reply.value<cl_bool>(CL_TRUE);
    default: return not_my_subject;
  }
}

cl_int vector_info(const DeviceTraits& traits, cl_device_info name, const InfoReply& reply) {
  const wire::VectorWidths &preferred = traits.preferred_widths, &native = traits.native_widths;
  switch (name) {
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_CHAR: return reply.value<cl_uint>(preferred.char_);
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_SHORT: return reply.value<cl_uint>(preferred.short_);
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT: return reply.value<cl_uint>(preferred.int_);
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_LONG: return reply.value<cl_uint>(preferred.long_);
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF: return reply.value<cl_uint>(preferred.half_);
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT: return reply.value<cl_uint>(preferred.float_);
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE: return reply.value<cl_uint>(preferred.double_);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_CHAR: return reply.value<cl_uint>(native.char_);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_SHORT: return reply.value<cl_uint>(native.short_);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_INT: return reply.value<cl_uint>(native.int_);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_LONG: return reply.value<cl_uint>(native.long_);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF: return reply.value<cl_uint>(native.half_);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT: return reply.value<cl_uint>(native.float_);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE: return reply.value<cl_uint>(native.double_);
    default: return not_my_subject;
  }
}

cl_device_mem_cache_type cache_type(wire::CacheKind kind) {
  switch (kind) {
    case wire::CacheKind::none: return CL_NONE;
    case wire::CacheKind::read_only: return CL_READ_ONLY_CACHE;
    case wire::CacheKind::read_write: return CL_READ_WRITE_CACHE;
  }
  return CL_NONE;
}

cl_int memory_info(const DeviceTraits& traits, cl_device_info name, const InfoReply& reply) {
  switch (name) {
    case CL_DEVICE_GLOBAL_MEM_SIZE: return reply.value<cl_ulong>(traits.global_memory_bytes);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE: return reply.value<cl_ulong>(traits.allocation_bytes_max);
    case CL_DEVICE_GLOBAL_MEM_CACHE_TYPE: return reply.value<cl_device_mem_cache_type>(cache_type(traits.global_cache));
    case CL_DEVICE_GLOBAL_MEM_CACHELINE_SIZE: return reply.value<cl_uint>(traits.global_cacheline_bytes);
    case CL_DEVICE_GLOBAL_MEM_CACHE_SIZE: return reply.value<cl_ulong>(traits.global_cache_bytes);
    case CL_DEVICE_LOCAL_MEM_TYPE:
      return reply.value<cl_device_local_mem_type>(traits.local_memory_dedicated ? CL_LOCAL : CL_GLOBAL);
    case CL_DEVICE_LOCAL_MEM_SIZE:
      return reply.value<cl_ulong>(std::min(traits.local_memory_bytes, local_memory_bytes_shown_max));
    case CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE: return reply.value<cl_ulong>(traits.constant_buffer_bytes_max);
    case CL_DEVICE_MAX_CONSTANT_ARGS: return reply.value<cl_uint>(traits.constant_arguments_max);
    case CL_DEVICE_MAX_GLOBAL_VARIABLE_SIZE: return reply.value<size_t>(traits.global_variable_bytes_max);
    case CL_DEVICE_GLOBAL_VARIABLE_PREFERRED_TOTAL_SIZE:
      return reply.value<size_t>(traits.global_variable_bytes_preferred);
    case CL_DEVICE_MEM_BASE_ADDR_ALIGN: return reply.value<cl_uint>(traits.base_address_align_bits);
    case CL_DEVICE_MIN_DATA_TYPE_ALIGN_SIZE: return reply.value<cl_uint>(traits.data_type_align_bytes);
    case CL_DEVICE_ERROR_CORRECTION_SUPPORT: return reply.value<cl_bool>(flag(traits.error_correction));
    case CL_DEVICE_HOST_UNIFIED_MEMORY: return reply.value<cl_bool>(flag(traits.unified_memory));
    default: return not_my_subject;
  }
}

cl_int image_info(const DeviceTraits& traits, cl_device_info name, const InfoReply& reply) {
  switch (name) {
    case CL_DEVICE_IMAGE_SUPPORT: return reply.value<cl_bool>(flag(traits.images));
    case CL_DEVICE_MAX_READ_IMAGE_ARGS: return reply.value<cl_uint>(traits.read_images_max);
    case CL_DEVICE_MAX_WRITE_IMAGE_ARGS: return reply.value<cl_uint>(traits.write_images_max);
    case CL_DEVICE_MAX_READ_WRITE_IMAGE_ARGS: return reply.value<cl_uint>(traits.read_write_images_max);
    case CL_DEVICE_MAX_SAMPLERS: return reply.value<cl_uint>(traits.samplers_max);
    case CL_DEVICE_IMAGE2D_MAX_WIDTH: return reply.value<size_t>(traits.image_2d_max[0]);
    case CL_DEVICE_IMAGE2D_MAX_HEIGHT: return reply.value<size_t>(traits.image_2d_max[1]);
    case CL_DEVICE_IMAGE3D_MAX_WIDTH: return reply.value<size_t>(traits.image_3d_max[0]);
    case CL_DEVICE_IMAGE3D_MAX_HEIGHT: return reply.value<size_t>(traits.image_3d_max[1]);
    case CL_DEVICE_IMAGE3D_MAX_DEPTH: return reply.value<size_t>(traits.image_3d_max[2]);
    case CL_DEVICE_IMAGE_MAX_BUFFER_SIZE: return reply.value<size_t>(traits.image_buffer_pixels_max);
    case CL_DEVICE_IMAGE_MAX_ARRAY_SIZE: return reply.value<size_t>(traits.image_array_layers_max);
    // Of 2D images over a buffer, which need an extension that is not offered.
    case CL_DEVICE_IMAGE_PITCH_ALIGNMENT:
    case CL_DEVICE_IMAGE_BASE_ADDRESS_ALIGNMENT: return reply.value<cl_uint>(0);
    default: return not_my_subject;
  }
}

// What no virtual GPU has: the answers that the standard gives for absence.
cl_int absent_info(cl_device_info name, const InfoReply& reply) {
  switch (name) {
    case CL_DEVICE_DEVICE_ENQUEUE_CAPABILITIES: return reply.value<cl_device_device_enqueue_capabilities>(0);
    case CL_DEVICE_QUEUE_ON_DEVICE_PROPERTIES: return reply.value<cl_command_queue_properties>(0);
    case CL_DEVICE_PIPE_SUPPORT:
    case CL_DEVICE_SUB_GROUP_INDEPENDENT_FORWARD_PROGRESS: return reply.value<cl_bool>(CL_FALSE);
    case CL_DEVICE_QUEUE_ON_DEVICE_PREFERRED_SIZE:
    case CL_DEVICE_QUEUE_ON_DEVICE_MAX_SIZE:
    case CL_DEVICE_MAX_ON_DEVICE_QUEUES:
    case CL_DEVICE_MAX_ON_DEVICE_EVENTS:
    case CL_DEVICE_MAX_PIPE_ARGS:
    case CL_DEVICE_PIPE_MAX_ACTIVE_RESERVATIONS:
    case CL_DEVICE_PIPE_MAX_PACKET_SIZE:
    case CL_DEVICE_MAX_NUM_SUB_GROUPS: return reply.value<cl_uint>(0);
    case CL_DEVICE_IL_VERSION:
    case CL_DEVICE_BUILT_IN_KERNELS: return reply.string("");
    case CL_DEVICE_ILS_WITH_VERSION:
    case CL_DEVICE_BUILT_IN_KERNELS_WITH_VERSION: return reply.array<cl_name_version>({});
    default: return not_my_subject;
  }
}

// What tells a part from the whole (section 4.3).
cl_int partition_info(const _cl_device_id& device, const DeviceTraits& traits, cl_device_info name,
                      const InfoReply& reply) {
  using Property = cl_device_partition_property;
  static constexpr Property none[] = {0}, both[] = {CL_DEVICE_PARTITION_EQUALLY, CL_DEVICE_PARTITION_BY_COUNTS};
  const cl_uint units = device.units(traits).count;
  const bool divisible = traits.partitionable && units > 1;
  switch (name) {
    case CL_DEVICE_MAX_COMPUTE_UNITS: return reply.value<cl_uint>(units);
    case CL_DEVICE_REFERENCE_COUNT: return reply.value<cl_uint>(device.is_root() ? 1 : device.references());
    case CL_DEVICE_PARENT_DEVICE: return reply.value<cl_device_id>(device.parent());
    case CL_DEVICE_PARTITION_MAX_SUB_DEVICES: return reply.value<cl_uint>(divisible ? units : 0);
    case CL_DEVICE_PARTITION_PROPERTIES: return divisible ? reply.array<Property>(both) : reply.array<Property>(none);
    case CL_DEVICE_PARTITION_AFFINITY_DOMAIN: return reply.value<cl_device_affinity_domain>(0);
    case CL_DEVICE_PARTITION_TYPE:
      return device.is_root() ? reply.array<Property>(none) : reply.array<Property>(device.scheme());
    default: return not_my_subject;
  }
}

}  // namespace

cl_int device_info(const _cl_device_id& device, const DeviceTraits& traits, cl_device_info name,
                   const InfoReply& reply) {
  const cl_int of_part = partition_info(device, traits, name, reply);
  if (of_part != not_my_subject) return of_part;
  for (const auto subject : {identity_info, compute_info, vector_info, memory_info, image_info}) {
    const cl_int result = subject(traits, name, reply);
    if (result != not_my_subject) return result;
  }
  const cl_int result = absent_info(name, reply);
  return result == not_my_subject ? CL_INVALID_VALUE : result;
}

bool offered_extension(std::string_view name) {
  static constexpr std::string_view names[] = {
      "cl_khr_3d_image_writes",
      "cl_khr_async_work_group_copy_fence",
      "cl_khr_byte_addressable_store",
      "cl_khr_expect_assume",
      "cl_khr_extended_async_copies",
      "cl_khr_extended_bit_ops",
      "cl_khr_fp16",
      "cl_khr_fp64",
      "cl_khr_global_int32_base_atomics",
      "cl_khr_global_int32_extended_atomics",
      "cl_khr_int64_base_atomics",
      "cl_khr_int64_extended_atomics",
      "cl_khr_local_int32_base_atomics",
      "cl_khr_local_int32_extended_atomics",
      "cl_khr_select_fprounding_mode",
      "cl_khr_work_group_uniform_arithmetic",
      "cl_amd_fp64",
      "cl_amd_media_ops",
      "cl_amd_media_ops2",
      "cl_nv_pragma_unroll",
  };
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool offered_c_feature(std::string_view name) {
  static constexpr std::string_view names[] = {
      "__opencl_c_3d_image_writes",
      "__opencl_c_atomic_order_acq_rel",
      "__opencl_c_atomic_order_seq_cst",
      "__opencl_c_atomic_scope_all_devices",
      "__opencl_c_atomic_scope_device",
      "__opencl_c_fp16",
      "__opencl_c_fp64",
      "__opencl_c_generic_address_space",
      "__opencl_c_images",
      "__opencl_c_int64",
      "__opencl_c_program_scope_global_variables",
      "__opencl_c_read_write_images",
      "__opencl_c_work_group_collective_functions",
  };
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace sluice::opencl
