#include "daemon/backends/opencl/api.h"

namespace sluice::backend::opencl {

Outcome outcome_of(cl_int error) {
  switch (error) {
    case CL_SUCCESS: return Outcome::ok;
    case CL_DEVICE_NOT_AVAILABLE: return Outcome::device_lost;
    case CL_COMPILER_NOT_AVAILABLE:
    case CL_LINKER_NOT_AVAILABLE: return Outcome::compiler_unavailable;
    case CL_MEM_OBJECT_ALLOCATION_FAILURE: return Outcome::out_of_device_memory;
    case CL_OUT_OF_RESOURCES: return Outcome::out_of_resources;
    case CL_OUT_OF_HOST_MEMORY: return Outcome::out_of_host_memory;
    case CL_PROFILING_INFO_NOT_AVAILABLE: return Outcome::profiling_unavailable;
    case CL_MEM_COPY_OVERLAP: return Outcome::copy_overlap;
    case CL_IMAGE_FORMAT_NOT_SUPPORTED:
    case CL_INVALID_IMAGE_FORMAT_DESCRIPTOR: return Outcome::image_format_unsupported;
    case CL_BUILD_PROGRAM_FAILURE: return Outcome::build_failed;
    case CL_MISALIGNED_SUB_BUFFER_OFFSET: return Outcome::misaligned_sub_buffer;
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST: return Outcome::wait_list_failed;
    case CL_COMPILE_PROGRAM_FAILURE: return Outcome::compile_failed;
    case CL_LINK_PROGRAM_FAILURE: return Outcome::link_failed;
    case CL_INVALID_VALUE:
    case CL_INVALID_BUFFER_SIZE: return Outcome::invalid_value;
    case CL_INVALID_QUEUE_PROPERTIES:
    case CL_INVALID_OPERATION: return Outcome::invalid_operation;
    case CL_INVALID_IMAGE_SIZE:
    case CL_INVALID_IMAGE_DESCRIPTOR: return Outcome::invalid_image_size;
    case CL_INVALID_SAMPLER: return Outcome::invalid_sampler;
    case CL_INVALID_BINARY: return Outcome::invalid_binary;
    case CL_INVALID_BUILD_OPTIONS: return Outcome::invalid_build_options;
    case CL_INVALID_COMPILER_OPTIONS: return Outcome::invalid_compiler_options;
    case CL_INVALID_LINKER_OPTIONS: return Outcome::invalid_linker_options;
    case CL_INVALID_PROGRAM_EXECUTABLE: return Outcome::invalid_program_executable;
    case CL_INVALID_KERNEL_NAME: return Outcome::kernel_not_found;
    case CL_INVALID_MEM_OBJECT:
    case CL_INVALID_PROGRAM:
    case CL_INVALID_KERNEL:
    case CL_INVALID_EVENT: return Outcome::invalid_object;
    case CL_INVALID_ARG_INDEX: return Outcome::invalid_argument_index;
    case CL_INVALID_ARG_SIZE: return Outcome::invalid_argument_size;
    case CL_INVALID_ARG_VALUE:
    case CL_INVALID_KERNEL_ARGS: return Outcome::invalid_kernel_arguments;
    case CL_INVALID_WORK_DIMENSION: return Outcome::invalid_work_dimension;
    case CL_INVALID_WORK_GROUP_SIZE: return Outcome::invalid_work_group_size;
    case CL_INVALID_WORK_ITEM_SIZE: return Outcome::invalid_work_item_size;
    case CL_INVALID_GLOBAL_OFFSET: return Outcome::invalid_global_offset;
    case CL_INVALID_GLOBAL_WORK_SIZE: return Outcome::invalid_global_size;
    case CL_INVALID_EVENT_WAIT_LIST: return Outcome::wait_list_failed;
    default: return Outcome::internal;
  }
}

std::string error_text(cl_int error) { return "OpenCL error " + std::to_string(error); }

}  // namespace sluice::backend::opencl
