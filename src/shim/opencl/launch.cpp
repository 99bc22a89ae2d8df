// clEnqueueNDRangeKernel and its like: the checks of OpenCL 3.0, section 5.10, then one post.
#include <cstdint>
#include <limits>

#include "shim/opencl/enqueue.h"
#include "shim/opencl/error.h"
#include "shim/opencl/kernel.h"

namespace sluice::opencl {
namespace {

using wire::DeviceTraits;
using wire::KernelLaunch;
using wire::KernelTraits;

// Fills in global sizes and offsets. `empty`: there is nothing to run, which is no error since OpenCL 2.1.
cl_int shape_global(const DeviceTraits& device, cl_uint dimensions, const size_t* offset, const size_t* size,
                    KernelLaunch& command, bool& empty) {
  const std::uint64_t largest = device.address_bits >= 64 ? std::numeric_limits<std::uint64_t>::max()
                                                          : (std::uint64_t{1} << device.address_bits) - 1;
  constexpr std::uint32_t version_2_1 = CL_MAKE_VERSION(2, 1, 0);
  command.dimensions = dimensions;
  empty = size == nullptr;
  for (cl_uint i = 0; i < dimensions && size != nullptr; ++i) {
    command.global_size[i] = size[i];
    command.global_offset[i] = offset != nullptr ? offset[i] : 0;
    if (size[i] > largest) return CL_INVALID_GLOBAL_WORK_SIZE;
    if (command.global_offset[i] > largest - size[i]) return CL_INVALID_GLOBAL_OFFSET;
    empty |= size[i] == 0;
  }
  return empty && device.numeric_version < version_2_1 ? CL_INVALID_GLOBAL_WORK_SIZE : CL_SUCCESS;
}

// Fills in local sizes: the program's, else the kernel's own if it requires one, else the device's choice.
cl_int shape_local(const DeviceTraits& device, const Build& build, const KernelTraits& kernel, const size_t* size,
                   KernelLaunch& command) {
  const std::uint64_t* required = kernel.required_work_group[0] != 0 ? kernel.required_work_group : nullptr;
  if (size == nullptr && required == nullptr) return CL_SUCCESS;
  std::uint64_t group = 1;
  for (std::uint32_t i = 0; i < 3; ++i) {
    const bool given = i < command.dimensions;
    const std::uint64_t local = size == nullptr ? required[i] : given ? size[i] : 1;
    if (local == 0 || (required != nullptr && local != required[i])) return CL_INVALID_WORK_GROUP_SIZE;
    const bool uniform = build.uniform_work_groups || !device.non_uniform_work_groups;
    if (given && uniform && command.global_size[i] % local != 0) return CL_INVALID_WORK_GROUP_SIZE;
    if (group > kernel.work_group_size_max / local) return CL_INVALID_WORK_GROUP_SIZE;
    group *= local;
    if (local > device.work_item_sizes_max[i]) return CL_INVALID_WORK_ITEM_SIZE;
    if (given) command.local_size[i] = local;
  }
  return CL_SUCCESS;
}

cl_int launch(const Enqueue& options, _cl_kernel& kernel, cl_uint dimensions, const size_t* offset,
              const size_t* global, const size_t* local) {
  if (&options.queue.context() != &kernel.context()) return CL_INVALID_CONTEXT;
  if (dimensions < 1 || dimensions > 3) return CL_INVALID_WORK_DIMENSION;
  const DeviceTraits& device = options.queue.session().traits();
  KernelLaunch command;
  bool empty = false;
  if (const cl_int error = shape_global(device, dimensions, offset, global, command, empty)) return error;
  if (empty) {
    wire::Marker nothing;
    return post(options, nothing);
  }
  if (const cl_int error = shape_local(device, kernel.build(), kernel.traits(), local, command)) return error;
  return kernel.launch(options, command);
}

}  // namespace
}  // namespace sluice::opencl

using namespace sluice::opencl;

cl_int clEnqueueNDRangeKernel(cl_command_queue command_queue, cl_kernel kernel, cl_uint work_dim,
                              const size_t* global_work_offset, const size_t* global_work_size,
                              const size_t* local_work_size, cl_uint num_events_in_wait_list,
                              const cl_event* event_wait_list, cl_event* event) {
  if (const cl_int error = check_enqueue(command_queue, num_events_in_wait_list, event_wait_list)) return error;
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  const Enqueue options{*command_queue, CL_COMMAND_NDRANGE_KERNEL, wait_span(num_events_in_wait_list, event_wait_list),
                        event};
  return launch(options, *kernel, work_dim, global_work_offset, global_work_size, local_work_size);
}

cl_int clEnqueueTask(cl_command_queue command_queue, cl_kernel kernel, cl_uint num_events_in_wait_list,
                     const cl_event* event_wait_list, cl_event* event) {
  if (const cl_int error = check_enqueue(command_queue, num_events_in_wait_list, event_wait_list)) return error;
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  const Enqueue options{*command_queue, CL_COMMAND_TASK, wait_span(num_events_in_wait_list, event_wait_list), event};
  const size_t one = 1;
  return launch(options, *kernel, 1, nullptr, &one, &one);
}
