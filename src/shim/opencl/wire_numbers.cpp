// The protocol's bits and numbers that this front end passes between the API and the wire as they are. Each equals the
// API's own (OpenCL 3.0, sections 4.2, 5.3.1 and 5.7.1).
#include <CL/cl.h>

#include "wire/commands.h"
#include "wire/device_traits.h"
#include "wire/image_format.h"
#include "wire/timeline.h"

namespace sluice::wire {

static_assert(shares_between_commands == CL_DEVICE_SVM_COARSE_GRAIN_BUFFER &&
              shares_at_any_time == CL_DEVICE_SVM_FINE_GRAIN_BUFFER &&
              shares_all_host_memory == CL_DEVICE_SVM_FINE_GRAIN_SYSTEM && shares_atomics == CL_DEVICE_SVM_ATOMICS);
static_assert(float_denormals == CL_FP_DENORM && float_infinities_and_nan == CL_FP_INF_NAN &&
              float_rounds_to_nearest == CL_FP_ROUND_TO_NEAREST && float_rounds_to_zero == CL_FP_ROUND_TO_ZERO &&
              float_rounds_to_infinity == CL_FP_ROUND_TO_INF && float_fused_multiply_add == CL_FP_FMA &&
              float_in_software == CL_FP_SOFT_FLOAT &&
              float_exact_divide_and_root == CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT);
static_assert(atomic_relaxed == CL_DEVICE_ATOMIC_ORDER_RELAXED &&
              atomic_acquire_release == CL_DEVICE_ATOMIC_ORDER_ACQ_REL &&
              atomic_sequential == CL_DEVICE_ATOMIC_ORDER_SEQ_CST &&
              atomic_in_work_item == CL_DEVICE_ATOMIC_SCOPE_WORK_ITEM &&
              atomic_in_work_group == CL_DEVICE_ATOMIC_SCOPE_WORK_GROUP &&
              atomic_in_device == CL_DEVICE_ATOMIC_SCOPE_DEVICE &&
              atomic_in_all_devices == CL_DEVICE_ATOMIC_SCOPE_ALL_DEVICES);
static_assert(executes_kernels == CL_EXEC_KERNEL && executes_host_functions == CL_EXEC_NATIVE_KERNEL);

static_assert(address_unchecked == CL_ADDRESS_NONE && address_clamp_to_edge == CL_ADDRESS_CLAMP_TO_EDGE &&
              address_clamp_to_border == CL_ADDRESS_CLAMP && address_repeat == CL_ADDRESS_REPEAT &&
              address_mirrored_repeat == CL_ADDRESS_MIRRORED_REPEAT);
static_assert(filter_nearest == CL_FILTER_NEAREST && filter_linear == CL_FILTER_LINEAR);

static_assert(order_r == CL_R && order_a == CL_A && order_rg == CL_RG && order_ra == CL_RA && order_rgb == CL_RGB &&
              order_rgba == CL_RGBA && order_bgra == CL_BGRA && order_argb == CL_ARGB &&
              order_intensity == CL_INTENSITY && order_luminance == CL_LUMINANCE && order_rx == CL_Rx &&
              order_rgx == CL_RGx && order_rgbx == CL_RGBx && order_depth == CL_DEPTH &&
              order_depth_stencil == CL_DEPTH_STENCIL && order_srgb == CL_sRGB && order_srgbx == CL_sRGBx &&
              order_srgba == CL_sRGBA && order_sbgra == CL_sBGRA && order_abgr == CL_ABGR);
static_assert(type_snorm_int8 == CL_SNORM_INT8 && type_snorm_int16 == CL_SNORM_INT16 &&
              type_unorm_int8 == CL_UNORM_INT8 && type_unorm_int16 == CL_UNORM_INT16 &&
              type_unorm_short_565 == CL_UNORM_SHORT_565 && type_unorm_short_555 == CL_UNORM_SHORT_555 &&
              type_unorm_int_101010 == CL_UNORM_INT_101010 && type_signed_int8 == CL_SIGNED_INT8 &&
              type_signed_int16 == CL_SIGNED_INT16 && type_signed_int32 == CL_SIGNED_INT32 &&
              type_unsigned_int8 == CL_UNSIGNED_INT8 && type_unsigned_int16 == CL_UNSIGNED_INT16 &&
              type_unsigned_int32 == CL_UNSIGNED_INT32 && type_half_float == CL_HALF_FLOAT && type_float == CL_FLOAT &&
              type_unorm_int24 == CL_UNORM_INT24 && type_unorm_int_101010_2 == CL_UNORM_INT_101010_2);

// The stages of events are the API's statuses.
static_assert(static_cast<cl_int>(EventStage::complete) == CL_COMPLETE &&
              static_cast<cl_int>(EventStage::running) == CL_RUNNING &&
              static_cast<cl_int>(EventStage::submitted) == CL_SUBMITTED &&
              static_cast<cl_int>(EventStage::queued) == CL_QUEUED);

}  // namespace sluice::wire
