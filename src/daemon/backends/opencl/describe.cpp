#include "daemon/backends/opencl/describe.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::backend::opencl {
namespace {

using wire::AddressSpace;
using wire::ArgumentAccess;
using wire::ArgumentKind;
using wire::ArgumentTraits;
using wire::KernelTraits;

struct ScalarType {
  std::string_view name;
  std::uint32_t bytes;
};
constexpr std::array<ScalarType, 11> scalar_types{{{"char", 1},
                                                   {"uchar", 1},
                                                   {"short", 2},
                                                   {"ushort", 2},
                                                   {"int", 4},
                                                   {"uint", 4},
                                                   {"long", 8},
                                                   {"ulong", 8},
                                                   {"half", 2},
                                                   {"float", 4},
                                                   {"double", 8}}};

AddressSpace address_space_of(cl_kernel_arg_address_qualifier qualifier) {
  switch (qualifier) {
    case CL_KERNEL_ARG_ADDRESS_GLOBAL: return AddressSpace::global;
    case CL_KERNEL_ARG_ADDRESS_LOCAL: return AddressSpace::local;
    case CL_KERNEL_ARG_ADDRESS_CONSTANT: return AddressSpace::constant;
    default: return AddressSpace::private_;
  }
}

ArgumentAccess access_of(cl_kernel_arg_access_qualifier qualifier) {
  switch (qualifier) {
    case CL_KERNEL_ARG_ACCESS_READ_ONLY: return ArgumentAccess::read_only;
    case CL_KERNEL_ARG_ACCESS_WRITE_ONLY: return ArgumentAccess::write_only;
    case CL_KERNEL_ARG_ACCESS_READ_WRITE: return ArgumentAccess::read_write;
    default: return ArgumentAccess::none;
  }
}

ArgumentKind kind_of(const ArgumentTraits& argument) {
  if (argument.access != ArgumentAccess::none) return ArgumentKind::memory;  // images and pipes
  if (argument.address_space == AddressSpace::local) return ArgumentKind::local;
  if (argument.address_space != AddressSpace::private_) return ArgumentKind::memory;
  return argument.type_name == "sampler_t" ? ArgumentKind::sampler : ArgumentKind::bytes;
}

std::uint8_t qualifiers_of(cl_kernel_arg_type_qualifier native) {
  static_assert(
      CL_KERNEL_ARG_TYPE_CONST == wire::qualifier_const && CL_KERNEL_ARG_TYPE_RESTRICT == wire::qualifier_restrict &&
      CL_KERNEL_ARG_TYPE_VOLATILE == wire::qualifier_volatile && CL_KERNEL_ARG_TYPE_PIPE == wire::qualifier_pipe);
  return static_cast<std::uint8_t>(native & 15);
}

// False: the driver has no argument information for this kernel.
bool describe_argument(cl_kernel kernel, cl_uint index, ArgumentTraits& argument) {
  const auto ask = asking(clGetKernelArgInfo, kernel, index);
  cl_kernel_arg_address_qualifier address = 0;
  if (ask(CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof address, &address, nullptr) != CL_SUCCESS || address == 0)
    return false;
  argument.address_space = address_space_of(address);
  argument.access = access_of(value_of<cl_kernel_arg_access_qualifier>(ask, CL_KERNEL_ARG_ACCESS_QUALIFIER));
  argument.qualifiers = qualifiers_of(value_of<cl_kernel_arg_type_qualifier>(ask, CL_KERNEL_ARG_TYPE_QUALIFIER));
  argument.type_name = text_of(ask, CL_KERNEL_ARG_TYPE_NAME);
  argument.name = text_of(ask, CL_KERNEL_ARG_NAME);
  argument.kind = kind_of(argument);
  if (argument.kind == ArgumentKind::bytes) argument.size_bytes = bytes_of_type(argument.type_name);
  return true;
}

KernelTraits describe_kernel(cl_kernel kernel, cl_device_id device) {
  KernelTraits traits;
  const auto ask = asking(clGetKernelInfo, kernel);
  const auto ask_group = asking(clGetKernelWorkGroupInfo, kernel, device);
  traits.name = text_of(ask, CL_KERNEL_FUNCTION_NAME);
  traits.attributes = text_of(ask, CL_KERNEL_ATTRIBUTES);
  traits.work_group_size_max = value_of<std::size_t>(ask_group, CL_KERNEL_WORK_GROUP_SIZE);
  traits.preferred_multiple = value_of<std::size_t>(ask_group, CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE);
  const auto required = list_of<std::size_t>(ask_group, CL_KERNEL_COMPILE_WORK_GROUP_SIZE);
  std::copy_n(required.begin(), std::min<std::size_t>(3, required.size()), traits.required_work_group);
  traits.local_bytes = value_of<cl_ulong>(ask_group, CL_KERNEL_LOCAL_MEM_SIZE);
  traits.private_bytes = value_of<cl_ulong>(ask_group, CL_KERNEL_PRIVATE_MEM_SIZE);
  traits.arguments.resize(value_of<cl_uint>(ask, CL_KERNEL_NUM_ARGS));
  traits.has_argument_info = true;
  for (cl_uint i = 0; i < traits.arguments.size(); ++i)
    traits.has_argument_info = describe_argument(kernel, i, traits.arguments[i]) && traits.has_argument_info;
  return traits;
}

}  // namespace

std::vector<KernelTraits> describe_kernels(cl_program program, cl_device_id device) {
  cl_uint count = 0;
  if (clCreateKernelsInProgram(program, 0, nullptr, &count) != CL_SUCCESS || count == 0) return {};
  std::vector<cl_kernel> kernels(count);
  if (clCreateKernelsInProgram(program, count, kernels.data(), nullptr) != CL_SUCCESS) return {};
  std::vector<KernelTraits> traits;
  for (const cl_kernel kernel : kernels) {
    const KernelHandle owner(kernel);
    traits.push_back(describe_kernel(kernel, device));
  }
  // Some drivers list them in another order each time. A kernel is named by its place, in each worker that builds the
  // text.
  std::sort(traits.begin(), traits.end(), [](const KernelTraits& a, const KernelTraits& b) { return a.name < b.name; });
  return traits;
}

wire::BinaryKind binary_kind_of(cl_program program, cl_device_id device) {
  switch (value_of<cl_program_binary_type>(asking(clGetProgramBuildInfo, program, device), CL_PROGRAM_BINARY_TYPE)) {
    case CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT: return wire::BinaryKind::compiled_object;
    case CL_PROGRAM_BINARY_TYPE_LIBRARY: return wire::BinaryKind::library;
    case CL_PROGRAM_BINARY_TYPE_EXECUTABLE: return wire::BinaryKind::executable;
    default: return wire::BinaryKind::none;
  }
}

std::uint32_t bytes_of_type(std::string_view name) {
  for (const ScalarType& scalar : scalar_types) {
    if (!name.starts_with(scalar.name)) continue;
    const std::string_view rest = name.substr(scalar.name.size());
    if (rest.empty()) return scalar.bytes;
    std::uint32_t lanes = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), lanes);
    if (error != std::errc() || end != rest.data() + rest.size()) continue;
    if (lanes == 3) lanes = 4;  // a vector of three is laid out as one of four (OpenCL C 3.0, section 6.3.5)
    if (lanes == 2 || lanes == 4 || lanes == 8 || lanes == 16) return scalar.bytes * lanes;
  }
  return 0;
}

}  // namespace sluice::backend::opencl
