#include "wire/device_traits.h"

namespace sluice::wire {
namespace {

template <typename Visitor, typename Versions>
void visit_versions(Visitor& v, Versions& versions) {
  constexpr std::size_t version_bytes_min = 12;
  v.each(versions, version_bytes_min, [](auto& visitor, auto& named) {
    visitor(named.name);
    visitor(named.version);
  });
}

template <typename Visitor, typename Widths>
void visit_widths(Visitor& v, Widths& w) {
  v(w.char_), v(w.short_), v(w.int_), v(w.long_), v(w.half_), v(w.float_), v(w.double_);
}

template <typename Visitor, typename Traits>
void visit_identity(Visitor& v, Traits& t) {
  v(t.name), v(t.vendor), v(t.driver_version), v(t.device_version), v(t.c_version), v(t.platform_name), v(t.profile);
  v(t.vendor_id), v(t.uuid), v(t.kind), v(t.numeric_version);
  visit_versions(v, t.extensions);
  visit_versions(v, t.c_versions);
  visit_versions(v, t.c_features);
  v(t.buffers_in_arena), v(t.images_in_arena), v(t.shared_virtual_memory);
}

template <typename Visitor, typename Traits>
void visit_compute(Visitor& v, Traits& t) {
  v(t.compute_units), v(t.clock_mhz), v(t.address_bits), v(t.work_item_dimensions), v(t.work_item_sizes_max);
  v(t.work_group_size_max), v(t.preferred_work_group_multiple), v(t.sub_groups_max);
  visit_widths(v, t.preferred_widths);
  visit_widths(v, t.native_widths);
  v(t.single_fp), v(t.double_fp), v(t.half_fp), v(t.atomic_memory), v(t.atomic_fence);
  v(t.little_endian), v(t.error_correction), v(t.available), v(t.compiler_available), v(t.linker_available);
  v(t.unified_memory), v(t.non_uniform_work_groups), v(t.generic_address_space), v(t.work_group_collectives);
  v(t.execution), v(t.profiling_resolution_ns), v(t.printf_buffer_bytes), v(t.parameter_bytes_max);
  v(t.out_of_order_queues), v(t.partitionable);
}

template <typename Visitor, typename Traits>
void visit_memory(Visitor& v, Traits& t) {
  v(t.global_memory_bytes), v(t.allocation_bytes_max), v(t.global_cache_bytes), v(t.global_cacheline_bytes);
  v(t.global_cache), v(t.local_memory_bytes), v(t.local_memory_dedicated), v(t.constant_buffer_bytes_max);
  v(t.constant_arguments_max), v(t.base_address_align_bits), v(t.data_type_align_bytes);
  v(t.global_variable_bytes_max), v(t.global_variable_bytes_preferred);
}

template <typename Visitor, typename Traits>
void visit_images(Visitor& v, Traits& t) {
  v(t.images), v(t.read_images_max), v(t.write_images_max), v(t.read_write_images_max), v(t.samplers_max);
  v(t.image_2d_max), v(t.image_3d_max), v(t.image_buffer_pixels_max), v(t.image_array_layers_max);
  v(t.image_pitch_align_pixels), v(t.image_base_align_pixels);
  constexpr std::size_t format_bytes = 10;
  v.each(t.image_formats, format_bytes, [](auto& visitor, auto& format) {
    visitor(format.channel_order), visitor(format.channel_type), visitor(format.kind), visitor(format.uses);
  });
}

template <typename Visitor, typename Traits>
void visit(Visitor& v, Traits& t) {
  visit_identity(v, t);
  visit_compute(v, t);
  visit_memory(v, t);
  visit_images(v, t);
}

}  // namespace

void encode(Encoder& encoder, const DeviceTraits& traits) {
  EncodeVisitor visitor(encoder);
  visit(visitor, traits);
}

DeviceTraits decode_device_traits(Decoder& decoder) {
  DeviceTraits traits;
  DecodeVisitor visitor(decoder);
  visit(visitor, traits);
  return traits;
}

}  // namespace sluice::wire
