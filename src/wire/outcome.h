// Outcome: how one device command or object creation ended, in neutral words.
//
// It travels from the worker to the shim; each front end turns it into its API's error number. Values are part of the
// protocol: never renumber, never reuse.
#pragma once

#include <cstdint>

namespace sluice::wire {

enum class Outcome : std::int32_t {
  ok = 0,
  internal = -1,              // the driver failed in a way it did not explain
  device_lost = -2,           // worker or device gone
  quota_exceeded = -3,        // the slice's memory limit
  out_of_device_memory = -4,  // the device itself has no room
  out_of_host_memory = -5,
  out_of_resources = -6,
  invalid_value = -7,
  invalid_object = -8,  // an id that names nothing of that kind
  build_failed = -9,
  compile_failed = -10,
  link_failed = -11,
  invalid_binary = -12,
  invalid_build_options = -13,
  invalid_program_executable = -14,
  kernel_not_found = -15,
  invalid_argument_index = -16,
  invalid_argument_size = -17,
  invalid_kernel_arguments = -18,
  invalid_work_dimension = -19,
  invalid_work_group_size = -20,
  invalid_work_item_size = -21,
  invalid_global_size = -22,
  invalid_global_offset = -23,
  invalid_image_size = -24,
  image_format_unsupported = -25,
  misaligned_sub_buffer = -26,
  copy_overlap = -27,
  unsupported = -28,
  wait_list_failed = -29,  // an event in the wait list ended with an error
  invalid_operation = -30,
  compiler_unavailable = -31,
  invalid_compiler_options = -32,
  invalid_linker_options = -33,
  invalid_sampler = -34,
  reply_too_small = -35,  // call again with room for the announced size
  profiling_unavailable = -36,
};

}  // namespace sluice::wire
