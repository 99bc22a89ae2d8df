#include "shim/opencl/kernel.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "shim/opencl/enqueue.h"
#include "shim/opencl/error.h"
#include "shim/opencl/handle_probe.h"
#include "shim/opencl/memory.h"
#include "shim/opencl/sampler.h"
#include "shim/opencl/svm_allocations.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;
using wire::ArgumentKind;

_cl_kernel::_cl_kernel(_cl_program& program, BuildRef build, std::uint32_t index)
    : program_(&program),
      build_(std::move(build)),
      index_(index),
      id_(program.session().mint()),
      arguments_(traits()),
      checked_bytes_(traits().arguments.size()) {
  announce();
}

_cl_kernel::_cl_kernel(_cl_kernel& source)
    : program_(&source.program()),
      build_(source.build_),
      index_(source.index_),
      id_(source.program().session().mint()),
      arguments_(traits()) {
  announce();
  std::lock_guard lock(source.mutex_);
  arguments_ = source.arguments_;
  checked_bytes_ = source.checked_bytes_;
}

void _cl_kernel::announce() {
  program_->attach_kernel();
  wire::KernelCreate command;
  command.id = id_;
  command.program = build_->id;
  command.index = index_;
  build_->session.post(command);
}

_cl_kernel::~_cl_kernel() {
  program_->detach_kernel();
  if (build_->session.lost()) return;
  wire::ObjectRelease command;
  command.id = id_;
  build_->session.post(command);
}

cl_int _cl_kernel::set_argument(cl_uint index, size_t bytes, const void* value) {
  if (index >= traits().arguments.size()) return CL_INVALID_ARG_INDEX;
  if (build_->session.lost()) return context().report_lost();
  std::lock_guard lock(mutex_);
  switch (traits().arguments[index].kind) {
    case ArgumentKind::memory: return set_memory(index, bytes, value);
    case ArgumentKind::sampler: return set_sampler(index, bytes, value);
    case ArgumentKind::local: return set_local(index, bytes, value);
    case ArgumentKind::bytes: return set_bytes(index, bytes, value);
    case ArgumentKind::unknown: return set_unknown(index, bytes, value);
  }
  return CL_INVALID_ARG_INDEX;
}

namespace {

cl_int stored(bool fits) { return fits ? CL_SUCCESS : CL_OUT_OF_RESOURCES; }

// Whether the kernel may use the image as it was declared (OpenCL 3.0, section 5.9.2, CL_INVALID_ARG_VALUE).
bool image_access_allowed(wire::ArgumentAccess access, cl_mem_flags flags) {
  switch (access) {
    case wire::ArgumentAccess::read_only: return (flags & CL_MEM_WRITE_ONLY) == 0;
    case wire::ArgumentAccess::write_only: return (flags & CL_MEM_READ_ONLY) == 0;
    case wire::ArgumentAccess::read_write: return (flags & (CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY)) == 0;
    case wire::ArgumentAccess::none: return true;
  }
  return true;
}

}  // namespace

cl_int _cl_kernel::set_memory(cl_uint index, size_t bytes, const void* value) {
  if (bytes != sizeof(cl_mem)) return CL_INVALID_ARG_SIZE;
  const wire::ArgumentTraits& argument = traits().arguments[index];
  const bool is_image = argument.access != wire::ArgumentAccess::none;
  const cl_mem memory = value != nullptr ? *static_cast<const cl_mem*>(value) : nullptr;
  if (memory == nullptr) return is_image ? CL_INVALID_MEM_OBJECT : stored(arguments_.set_object(index, 0));
  if (!checked(memory) || &memory->context() != &context()) return CL_INVALID_MEM_OBJECT;
  // Without argument information a pointer may be an image: only the kernel knows.
  const bool kind_known = is_image || argument.kind == ArgumentKind::memory;
  if (kind_known && is_image != memory->is_image()) return CL_INVALID_MEM_OBJECT;
  if (is_image && !image_access_allowed(argument.access, memory->flags())) return CL_INVALID_ARG_VALUE;
  return stored(arguments_.set_object(index, memory->id()));
}

cl_int _cl_kernel::set_pointer(cl_uint index, const void* value) {
  if (index >= traits().arguments.size()) return CL_INVALID_ARG_INDEX;
  if (build_->session.lost()) return context().report_lost();
  const wire::ArgumentTraits& argument = traits().arguments[index];
  const bool takes_pointer = argument.kind == ArgumentKind::memory && argument.access == wire::ArgumentAccess::none;
  if (!takes_pointer && argument.kind != ArgumentKind::unknown) return CL_INVALID_ARG_VALUE;
  std::lock_guard lock(mutex_);
  if (value == nullptr) return stored(arguments_.set_object(index, 0));
  if (!context().svm().find(value, 0)) return CL_INVALID_ARG_VALUE;
  const auto at = static_cast<const std::byte*>(value) - build_->session.arena().at(0);
  return stored(arguments_.set_pointer(index, static_cast<std::uint64_t>(at)));
}

cl_int _cl_kernel::set_sampler(cl_uint index, size_t bytes, const void* value) {
  if (bytes != sizeof(cl_sampler)) return CL_INVALID_ARG_SIZE;
  const cl_sampler sampler = value != nullptr ? *static_cast<const cl_sampler*>(value) : nullptr;
  if (!checked(sampler)) return CL_INVALID_SAMPLER;
  return stored(arguments_.set_object(index, sampler->id()));
}

cl_int _cl_kernel::set_local(cl_uint index, size_t bytes, const void* value) {
  if (value != nullptr) return CL_INVALID_ARG_VALUE;
  if (bytes == 0 || bytes > std::numeric_limits<std::uint32_t>::max()) return CL_INVALID_ARG_SIZE;
  return stored(arguments_.set_local(index, static_cast<std::uint32_t>(bytes)));
}

cl_int _cl_kernel::set_bytes(cl_uint index, size_t bytes, const void* value) {
  if (value == nullptr) return CL_INVALID_ARG_VALUE;
  if (const cl_int error = check_size(index, bytes); error != CL_SUCCESS) return error;
  return stored(arguments_.set_bytes(index, {static_cast<const std::byte*>(value), bytes}));
}

// Goes by what the program passes: nothing behind the pointer is local memory, a live handle is an object.
cl_int _cl_kernel::set_unknown(cl_uint index, size_t bytes, const void* value) {
  if (value == nullptr) return set_local(index, bytes, value);
  if (bytes == sizeof(void*)) {
    void* handle = nullptr;
    std::memcpy(&handle, value, sizeof handle);
    const Kind kind = probe_kind(handle);
    if (kind == Kind::memory) return set_memory(index, bytes, value);
    if (kind == Kind::sampler) return set_sampler(index, bytes, value);
  }
  return set_bytes(index, bytes, value);
}

cl_int _cl_kernel::check_size(cl_uint index, size_t bytes) {
  const wire::ArgumentTraits& argument = traits().arguments[index];
  if (argument.size_bytes != 0) return bytes == argument.size_bytes ? CL_SUCCESS : CL_INVALID_ARG_SIZE;
  if (bytes == 0 || bytes > build_->session.traits().parameter_bytes_max) return CL_INVALID_ARG_SIZE;
  // The worker can ask its driver about values alone: without argument information the launch shows.
  if (argument.kind != ArgumentKind::bytes || checked_bytes_[index] == bytes) return CL_SUCCESS;
  wire::KernelArgumentCheck command;
  command.kernel = id_;
  command.index = index;
  command.bytes = static_cast<std::uint32_t>(bytes);
  const wire::Outcome outcome = build_->session.call(command).outcome;
  if (outcome == wire::Outcome::ok) checked_bytes_[index] = command.bytes;
  return error_of(outcome);
}

std::uint64_t _cl_kernel::local_bytes() {
  std::lock_guard lock(mutex_);
  return traits().local_bytes + arguments_.local_bytes();
}

cl_int _cl_kernel::launch(const Enqueue& options, wire::KernelLaunch& command) {
  if (build_->session.lost()) return context().report_lost();
  std::lock_guard lock(mutex_);
  if (!arguments_.all_set()) return CL_INVALID_KERNEL_ARGS;
  if (traits().local_bytes + arguments_.local_bytes() > build_->session.traits().local_memory_bytes)
    return CL_OUT_OF_RESOURCES;
  command.kernel = id_;
  command.argument_count = arguments_.count();
  return post(options, command, arguments_.records());
}

namespace sluice::opencl {
namespace {

// The last build, if kernels can be made of it.
BuildRef executable_of(cl_program program) {
  BuildRef build = program->last_build();
  return build != nullptr && build->executable() ? build : nullptr;
}

}  // namespace
}  // namespace sluice::opencl

cl_kernel clCreateKernel(cl_program program, const char* kernel_name, cl_int* errcode_ret) {
  if (!checked(program)) return failed(errcode_ret, CL_INVALID_PROGRAM);
  if (kernel_name == nullptr) return failed(errcode_ret, CL_INVALID_VALUE);
  BuildRef build = executable_of(program);
  if (build == nullptr) return failed(errcode_ret, CL_INVALID_PROGRAM_EXECUTABLE);
  if (build->session.lost()) return failed(errcode_ret, program->context().report_lost());
  const auto& kernels = build->reply.kernels;
  const auto found = std::find_if(kernels.begin(), kernels.end(), [&](const auto& k) { return k.name == kernel_name; });
  if (found == kernels.end()) return failed(errcode_ret, CL_INVALID_KERNEL_NAME);
  const auto index = static_cast<std::uint32_t>(found - kernels.begin());
  return guarded(errcode_ret, [&] {
    set_error(errcode_ret, CL_SUCCESS);
    return new _cl_kernel(*program, std::move(build), index);
  });
}

cl_int clCreateKernelsInProgram(cl_program program, cl_uint num_kernels, cl_kernel* kernels, cl_uint* num_kernels_ret) {
  if (!checked(program)) return CL_INVALID_PROGRAM;
  const BuildRef build = executable_of(program);
  if (build == nullptr) return CL_INVALID_PROGRAM_EXECUTABLE;
  const auto count = static_cast<cl_uint>(build->reply.kernels.size());
  if (kernels != nullptr && num_kernels < count) return CL_INVALID_VALUE;
  if (num_kernels_ret != nullptr) *num_kernels_ret = count;
  if (kernels == nullptr) return CL_SUCCESS;
  if (build->session.lost()) return program->context().report_lost();
  return guarded([&] {
    for (cl_uint i = 0; i < count; ++i) kernels[i] = new _cl_kernel(*program, build, i);
    return CL_SUCCESS;
  });
}

cl_kernel clCloneKernel(cl_kernel source_kernel, cl_int* errcode_ret) {
  if (!checked(source_kernel)) return failed(errcode_ret, CL_INVALID_KERNEL);
  if (source_kernel->build().session.lost()) return failed(errcode_ret, source_kernel->context().report_lost());
  return guarded(errcode_ret, [&] {
    set_error(errcode_ret, CL_SUCCESS);
    return new _cl_kernel(*source_kernel);
  });
}

cl_int clRetainKernel(cl_kernel kernel) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  kernel->retain();
  return CL_SUCCESS;
}

cl_int clReleaseKernel(cl_kernel kernel) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  kernel->release();
  return CL_SUCCESS;
}

cl_int clSetKernelArg(cl_kernel kernel, cl_uint arg_index, size_t arg_size, const void* arg_value) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  return guarded([&] { return kernel->set_argument(arg_index, arg_size, arg_value); });
}
