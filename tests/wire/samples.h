// Filled-in examples of the protocol's larger structures, with no field left at its default where that can be helped.
#pragma once

#include "wire/device_traits.h"
#include "wire/kernel_traits.h"

namespace sluice::wire {

inline DeviceTraits sample_device_traits() {
  DeviceTraits t;
  t.name = "reference device", t.vendor = "nobody", t.driver_version = "3.1", t.device_version = "OpenCL 3.0";
  t.c_version = "OpenCL C 1.2", t.platform_name = "a platform", t.profile = "FULL_PROFILE";
  t.vendor_id = 0x10DE;
  for (std::uint8_t i = 0; i < 16; ++i) t.uuid[i] = static_cast<std::uint8_t>(i * 17);
  t.kind = DeviceKind::accelerator;
  t.numeric_version = 3u << 22;
  t.extensions = {{"cl_khr_fp64", 1u << 22}, {"cl_khr_icd", 1u << 22}};
  t.c_versions = {{"OpenCL C", 1u << 22 | 2u << 12}};
  t.c_features = {{"__opencl_c_fp64", 3u << 22}};
  t.buffers_in_arena = true, t.images_in_arena = true;
  t.partitionable = true, t.compute_units = 16, t.clock_mhz = 1410, t.work_group_size_max = 4096, t.sub_groups_max = 32;
  t.work_item_sizes_max[0] = 4096, t.work_item_sizes_max[1] = 512, t.work_item_sizes_max[2] = 64;
  t.preferred_widths = {16, 8, 4, 2, 0, 4, 2};
  t.native_widths = {64, 32, 16, 8, 0, 16, 8};
  t.single_fp = 0xBF, t.double_fp = 0x3F, t.half_fp = 1, t.atomic_memory = 0x7F, t.atomic_fence = 0x1F;
  t.compiler_available = false, t.unified_memory = true, t.out_of_order_queues = true;
  t.printf_buffer_bytes = 1 << 20;
  t.global_memory_bytes = 8ull << 30, t.allocation_bytes_max = 2ull << 30, t.global_cache_bytes = 32 << 20;
  t.global_cacheline_bytes = 64, t.global_cache = CacheKind::read_write, t.local_memory_bytes = 48 << 10;
  t.images = true, t.read_images_max = 128, t.samplers_max = 16;
  t.image_2d_max[0] = 16384, t.image_2d_max[1] = 16384;
  t.image_3d_max[0] = 2048, t.image_3d_max[1] = 2048, t.image_3d_max[2] = 2048;
  t.image_formats = {{0x10B5, 0x10DE, ImageKind::d3, image_read | image_write}};
  return t;
}

inline KernelTraits sample_kernel_traits() {
  KernelTraits k;
  k.name = "scale", k.attributes = "reqd_work_group_size(64,1,1)";
  k.work_group_size_max = 1024, k.preferred_multiple = 32;
  k.required_work_group[0] = 64, k.required_work_group[1] = 1, k.required_work_group[2] = 1;
  k.local_bytes = 256, k.private_bytes = 16;
  k.has_argument_info = true;
  k.arguments = {
      {ArgumentKind::memory, AddressSpace::global, ArgumentAccess::none, qualifier_restrict, 8, "float*", "out"},
      {ArgumentKind::bytes, AddressSpace::private_, ArgumentAccess::none, 0, 4, "float", "factor"},
      {ArgumentKind::memory, AddressSpace::global, ArgumentAccess::read_only, 0, 8, "image2d_t", "in"}};
  return k;
}

inline BuildRequest sample_build_request() {
  BuildRequest request;
  request.verb = BuildVerb::link;
  request.source = "kernel void scale() {}";
  request.options = "-cl-fast-relaxed-math -DN=4";
  request.headers = {{"a.h", "#define A 1\n"}, {"b/c.h", ""}};
  request.inputs = {3, 9, UINT64_MAX};
  return request;
}

inline BuildReply sample_build_reply() {
  BuildReply reply;
  reply.outcome = Outcome::ok;
  reply.log = "1 warning generated.\n";
  reply.binary_kind = BinaryKind::executable;
  reply.kernels = {sample_kernel_traits(), KernelTraits{}};
  return reply;
}

}  // namespace sluice::wire
