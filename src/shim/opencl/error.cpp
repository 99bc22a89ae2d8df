#include "shim/opencl/error.h"

namespace sluice::opencl {

using wire::Outcome;

cl_int error_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return CL_SUCCESS;
    case Outcome::quota_exceeded:
    case Outcome::out_of_device_memory: return CL_MEM_OBJECT_ALLOCATION_FAILURE;
    case Outcome::out_of_host_memory: return CL_OUT_OF_HOST_MEMORY;
    case Outcome::invalid_value: return CL_INVALID_VALUE;
    case Outcome::build_failed: return CL_BUILD_PROGRAM_FAILURE;
    case Outcome::compile_failed: return CL_COMPILE_PROGRAM_FAILURE;
    case Outcome::link_failed: return CL_LINK_PROGRAM_FAILURE;
    case Outcome::invalid_binary: return CL_INVALID_BINARY;
    case Outcome::invalid_build_options: return CL_INVALID_BUILD_OPTIONS;
    case Outcome::invalid_compiler_options: return CL_INVALID_COMPILER_OPTIONS;
    case Outcome::invalid_linker_options: return CL_INVALID_LINKER_OPTIONS;
    case Outcome::compiler_unavailable: return CL_COMPILER_NOT_AVAILABLE;
    case Outcome::invalid_program_executable: return CL_INVALID_PROGRAM_EXECUTABLE;
    case Outcome::kernel_not_found: return CL_INVALID_KERNEL_NAME;
    case Outcome::invalid_argument_index: return CL_INVALID_ARG_INDEX;
    case Outcome::invalid_argument_size: return CL_INVALID_ARG_SIZE;
    case Outcome::invalid_kernel_arguments: return CL_INVALID_KERNEL_ARGS;
    case Outcome::invalid_work_dimension: return CL_INVALID_WORK_DIMENSION;
    case Outcome::invalid_work_group_size: return CL_INVALID_WORK_GROUP_SIZE;
    case Outcome::invalid_work_item_size: return CL_INVALID_WORK_ITEM_SIZE;
    case Outcome::invalid_global_size: return CL_INVALID_GLOBAL_WORK_SIZE;
    case Outcome::invalid_global_offset: return CL_INVALID_GLOBAL_OFFSET;
    case Outcome::invalid_image_size: return CL_INVALID_IMAGE_SIZE;
    case Outcome::image_format_unsupported: return CL_IMAGE_FORMAT_NOT_SUPPORTED;
    case Outcome::misaligned_sub_buffer: return CL_MISALIGNED_SUB_BUFFER_OFFSET;
    case Outcome::copy_overlap: return CL_MEM_COPY_OVERLAP;
    case Outcome::unsupported:
    case Outcome::invalid_operation: return CL_INVALID_OPERATION;
    case Outcome::wait_list_failed: return CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    case Outcome::invalid_sampler: return CL_INVALID_SAMPLER;
    case Outcome::profiling_unavailable: return CL_PROFILING_INFO_NOT_AVAILABLE;
    // The one error that nearly every call may return when the device side fails.
    case Outcome::internal:
    case Outcome::device_lost:
    case Outcome::out_of_resources:
    case Outcome::invalid_object:
    case Outcome::reply_too_small: return CL_OUT_OF_RESOURCES;
  }
  return CL_OUT_OF_RESOURCES;  // the worker wrote a number that this shim does not know
}

}  // namespace sluice::opencl
