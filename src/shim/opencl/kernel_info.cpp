// What programs ask about kernels (OpenCL 3.0, section 5.9.4): answered from the traits that came with the build.
#include "shim/opencl/info.h"
#include "shim/opencl/kernel.h"

namespace sluice::opencl {
namespace {

cl_kernel_arg_address_qualifier address_of(wire::AddressSpace space) {
  switch (space) {
    case wire::AddressSpace::private_: return CL_KERNEL_ARG_ADDRESS_PRIVATE;
    case wire::AddressSpace::local: return CL_KERNEL_ARG_ADDRESS_LOCAL;
    case wire::AddressSpace::constant: return CL_KERNEL_ARG_ADDRESS_CONSTANT;
    case wire::AddressSpace::global: return CL_KERNEL_ARG_ADDRESS_GLOBAL;
  }
  return CL_KERNEL_ARG_ADDRESS_PRIVATE;
}

cl_kernel_arg_access_qualifier access_of(wire::ArgumentAccess access) {
  switch (access) {
    case wire::ArgumentAccess::none: return CL_KERNEL_ARG_ACCESS_NONE;
    case wire::ArgumentAccess::read_only: return CL_KERNEL_ARG_ACCESS_READ_ONLY;
    case wire::ArgumentAccess::write_only: return CL_KERNEL_ARG_ACCESS_WRITE_ONLY;
    case wire::ArgumentAccess::read_write: return CL_KERNEL_ARG_ACCESS_READ_WRITE;
  }
  return CL_KERNEL_ARG_ACCESS_NONE;
}

cl_kernel_arg_type_qualifier qualifiers_of(std::uint8_t bits) {
  cl_kernel_arg_type_qualifier qualifiers = CL_KERNEL_ARG_TYPE_NONE;
  if (bits & wire::qualifier_const) qualifiers |= CL_KERNEL_ARG_TYPE_CONST;
  if (bits & wire::qualifier_restrict) qualifiers |= CL_KERNEL_ARG_TYPE_RESTRICT;
  if (bits & wire::qualifier_volatile) qualifiers |= CL_KERNEL_ARG_TYPE_VOLATILE;
  if (bits & wire::qualifier_pipe) qualifiers |= CL_KERNEL_ARG_TYPE_PIPE;
  return qualifiers;
}

cl_int argument_info(const wire::ArgumentTraits& argument, cl_kernel_arg_info name, const InfoReply& reply) {
  switch (name) {
    case CL_KERNEL_ARG_ADDRESS_QUALIFIER:
      return reply.value<cl_kernel_arg_address_qualifier>(address_of(argument.address_space));
    case CL_KERNEL_ARG_ACCESS_QUALIFIER: return reply.value<cl_kernel_arg_access_qualifier>(access_of(argument.access));
    case CL_KERNEL_ARG_TYPE_QUALIFIER:
      return reply.value<cl_kernel_arg_type_qualifier>(qualifiers_of(argument.qualifiers));
    case CL_KERNEL_ARG_TYPE_NAME: return reply.string(argument.type_name);
    case CL_KERNEL_ARG_NAME: return reply.string(argument.name);
    default: return CL_INVALID_VALUE;
  }
}

}  // namespace
}  // namespace sluice::opencl

using namespace sluice::opencl;

cl_int clGetKernelInfo(cl_kernel kernel, cl_kernel_info param_name, size_t param_value_size, void* param_value,
                       size_t* param_value_size_ret) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  const InfoReply reply(param_value_size, param_value, param_value_size_ret);
  switch (param_name) {
    case CL_KERNEL_FUNCTION_NAME: return reply.string(kernel->traits().name);
    case CL_KERNEL_NUM_ARGS: return reply.value<cl_uint>(static_cast<cl_uint>(kernel->traits().arguments.size()));
    case CL_KERNEL_REFERENCE_COUNT: return reply.value<cl_uint>(kernel->references());
    case CL_KERNEL_CONTEXT: return reply.value<cl_context>(&kernel->context());
    case CL_KERNEL_PROGRAM: return reply.value<cl_program>(&kernel->program());
    case CL_KERNEL_ATTRIBUTES: return reply.string(kernel->traits().attributes);
    default: return CL_INVALID_VALUE;
  }
}

cl_int clGetKernelArgInfo(cl_kernel kernel, cl_uint arg_indx, cl_kernel_arg_info param_name, size_t param_value_size,
                          void* param_value, size_t* param_value_size_ret) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  if (arg_indx >= kernel->traits().arguments.size()) return CL_INVALID_ARG_INDEX;
  if (!kernel->build().argument_info_asked || !kernel->traits().has_argument_info)
    return CL_KERNEL_ARG_INFO_NOT_AVAILABLE;
  return argument_info(kernel->traits().arguments[arg_indx], param_name,
                       InfoReply(param_value_size, param_value, param_value_size_ret));
}

cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info param_name,
                                size_t param_value_size, void* param_value, size_t* param_value_size_ret) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  // Null stands for the only device.
  const auto& devices = kernel->program().devices();
  if (device == nullptr ? devices.size() > 1 : !sluice::opencl::holds_device(devices, device)) return CL_INVALID_DEVICE;
  const sluice::wire::KernelTraits& traits = kernel->traits();
  const InfoReply reply(param_value_size, param_value, param_value_size_ret);
  switch (param_name) {
    case CL_KERNEL_WORK_GROUP_SIZE: return reply.value<size_t>(traits.work_group_size_max);
    case CL_KERNEL_COMPILE_WORK_GROUP_SIZE: {
      const auto& required = traits.required_work_group;
      const size_t sizes[3] = {required[0], required[1], required[2]};
      return reply.array<size_t>(sizes);
    }
    case CL_KERNEL_LOCAL_MEM_SIZE: return reply.value<cl_ulong>(kernel->local_bytes());
    case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE: return reply.value<size_t>(traits.preferred_multiple);
    case CL_KERNEL_PRIVATE_MEM_SIZE: return reply.value<cl_ulong>(traits.private_bytes);
    // Also CL_KERNEL_GLOBAL_WORK_SIZE, which is for built-in kernels and custom devices alone.
    default: return CL_INVALID_VALUE;
  }
}
