#include <algorithm>
#include <cstring>

#include "daemon/backends/opencl/submit.h"

namespace sluice::backend::opencl {
namespace {

using wire::ArgumentKind;
using wire::ArgumentValue;

constexpr std::size_t checked_bytes_max = 4096;  // beyond any device's CL_DEVICE_MAX_PARAMETER_SIZE that is in use

// Does the value's kind suit the argument? Drivers take a handle's bits on trust, so a number in its place would be
// followed as a pointer.
bool suits(const wire::ArgumentTraits& argument, const ArgumentRef& ref) {
  const ArgumentKind kind = argument.kind;
  if (kind == ArgumentKind::unknown) return true;
  switch (ref.value) {
    case ArgumentValue::bytes: return kind == ArgumentKind::bytes;
    case ArgumentValue::object:
      return ref.sampler != nullptr ? kind == ArgumentKind::sampler : kind == ArgumentKind::memory;
    case ArgumentValue::local: return kind == ArgumentKind::local;
    case ArgumentValue::pointer: return kind == ArgumentKind::memory && argument.access == wire::ArgumentAccess::none;
  }
  return false;
}

// `const` proves nothing: a kernel may cast it away.
bool cannot_be_written(const wire::ArgumentTraits& argument) {
  return argument.kind == ArgumentKind::memory &&
         (argument.address_space == wire::AddressSpace::constant || argument.access == wire::ArgumentAccess::read_only);
}

std::uint64_t serial_of(const ArgumentRef& ref) {
  if (ref.memory != nullptr) return static_cast<MemoryObject*>(ref.memory)->serial;
  return ref.sampler != nullptr ? static_cast<SamplerObject*>(ref.sampler)->serial : 0;
}

bool same(const SetArgument& set, const ArgumentRef& ref) {
  if (!set.known || set.value != ref.value) return false;
  switch (ref.value) {
    case ArgumentValue::bytes: return std::ranges::equal(set.bytes, ref.bytes);
    case ArgumentValue::object: return set.serial == serial_of(ref);
    case ArgumentValue::local: return set.local_bytes == ref.local_bytes;
    case ArgumentValue::pointer: return set.pointer == ref.pointer;
  }
  return false;
}

void remember(SetArgument& set, const ArgumentRef& ref) {
  set.value = ref.value;
  set.serial = serial_of(ref);
  set.local_bytes = ref.local_bytes;
  set.pointer = ref.pointer;
  set.bytes.assign(ref.bytes.begin(), ref.bytes.end());
  set.known = true;
}

cl_int set_argument(cl_kernel kernel, cl_uint index, const ArgumentRef& ref) {
  if (ref.value == ArgumentValue::bytes) return clSetKernelArg(kernel, index, ref.bytes.size(), ref.bytes.data());
  if (ref.value == ArgumentValue::local) return clSetKernelArg(kernel, index, ref.local_bytes, nullptr);
  if (ref.value == ArgumentValue::pointer) return clSetKernelArgSVMPointer(kernel, index, ref.pointer);
  if (ref.sampler != nullptr) {
    const cl_sampler sampler = static_cast<SamplerObject*>(ref.sampler)->handle.get();
    return clSetKernelArg(kernel, index, sizeof sampler, &sampler);
  }
  const cl_mem memory = ref.memory != nullptr ? native(*ref.memory) : nullptr;
  return clSetKernelArg(kernel, index, sizeof memory, memory != nullptr ? &memory : nullptr);
}

}  // namespace

Made<Kernel> OpenClDevice::create_kernel(Program& program, std::uint32_t index) {
  auto& from = static_cast<ProgramObject&>(program);
  if (index >= from.kernels.size()) return {nullptr, Outcome::kernel_not_found};
  cl_int error = CL_SUCCESS;
  auto kernel = std::make_unique<KernelObject>();
  kernel->handle = KernelHandle(clCreateKernel(from.handle.get(), from.kernels[index].name.c_str(), &error));
  if (error != CL_SUCCESS) return {nullptr, outcome_of(error)};
  kernel->traits = from.kernels[index].arguments;
  const auto division = from.divisions.find(from.kernels[index].name);
  if (division != from.divisions.end()) kernel->divisible = division->second.divisible;
  for (const wire::ArgumentTraits& argument : kernel->traits) kernel->read_only.push_back(cannot_be_written(argument));
  kernel->set.resize(kernel->traits.size());
  return {std::move(kernel), Outcome::ok};
}

Outcome OpenClDevice::check_argument(Kernel& kernel, std::uint32_t index, std::uint32_t bytes) {
  auto& object = static_cast<KernelObject&>(kernel);
  if (index >= object.traits.size()) return Outcome::invalid_argument_index;
  const ArgumentKind kind = object.traits[index].kind;
  if (kind != ArgumentKind::bytes || bytes > checked_bytes_max) return Outcome::invalid_argument_size;
  const std::byte zeroes[checked_bytes_max] = {};
  object.set[index].known = false;
  return outcome_of(clSetKernelArg(object.handle.get(), index, bytes, zeroes));
}

Outcome OpenClDevice::set_arguments(KernelObject& kernel, std::span<const ArgumentRef> arguments) {
  if (arguments.size() != kernel.traits.size()) return Outcome::invalid_kernel_arguments;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const ArgumentRef& ref = arguments[i];
    SetArgument& set = kernel.set[i];
    if (same(set, ref)) continue;
    if (!suits(kernel.traits[i], ref)) return Outcome::invalid_kernel_arguments;
    if (ref.value == ArgumentValue::pointer && traits_.shared_virtual_memory == 0) return Outcome::invalid_operation;
    set.known = false;
    if (const cl_int error = set_argument(kernel.handle.get(), static_cast<cl_uint>(i), ref); error != CL_SUCCESS)
      return outcome_of(error);
    remember(set, ref);
  }
  return Outcome::ok;
}

Submitted OpenClDevice::launch(const Submission& how, Kernel& kernel, const Launch& launch) {
  auto& object = static_cast<KernelObject&>(kernel);
  if (const Outcome outcome = set_arguments(object, launch.arguments); outcome != Outcome::ok)
    return {outcome, nullptr};
  const auto sizes = [](const std::array<std::uint64_t, 3>& values) {
    return std::array<std::size_t, 3>{values[0], values[1], values[2]};
  };
  const auto offset = sizes(launch.global_offset), global = sizes(launch.global_size), local = sizes(launch.local_size);
  const bool device_chooses = local == std::array<std::size_t, 3>{};
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueNDRangeKernel(queue, object.handle.get(), launch.dimensions, offset.data(), global.data(),
                                  device_chooses ? nullptr : local.data(), count, list, event);
  });
}

}  // namespace sluice::backend::opencl
