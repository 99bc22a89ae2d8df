// Kernel: one function of an executable, and the arguments set for its next launch.
#pragma once

#include <mutex>
#include <vector>

#include "shim/arguments.h"
#include "shim/opencl/program.h"

namespace sluice::opencl {
struct Enqueue;
}

struct _cl_kernel final : public sluice::opencl::ObjectOf<_cl_kernel, sluice::opencl::Kind::kernel> {
 public:
  // `index` counts build.reply.kernels. Tells the worker.
  _cl_kernel(_cl_program& program, sluice::opencl::BuildRef build, std::uint32_t index);
  // A copy with the same arguments (clCloneKernel).
  explicit _cl_kernel(_cl_kernel& source);
  ~_cl_kernel();

  _cl_program& program() const { return *program_; }
  _cl_context& context() const { return program_->context(); }
  const sluice::opencl::Build& build() const { return *build_; }
  const sluice::wire::KernelTraits& traits() const { return build_->reply.kernels[index_]; }

  // What clSetKernelArg returns (OpenCL 3.0, section 5.9.2).
  cl_int set_argument(cl_uint index, size_t bytes, const void* value);

  // What clSetKernelArgSVMPointer returns.
  cl_int set_pointer(cl_uint index, const void* value);

  // Local memory of one work-group, with that of the arguments.
  std::uint64_t local_bytes();

  // Posts the launch with all arguments as they are now. CL_INVALID_KERNEL_ARGS: one is missing.
  cl_int launch(const sluice::opencl::Enqueue& options, sluice::wire::KernelLaunch& command);

 private:
  void announce();  // to the worker
  cl_int set_memory(cl_uint index, size_t bytes, const void* value);
  cl_int set_sampler(cl_uint index, size_t bytes, const void* value);
  cl_int set_local(cl_uint index, size_t bytes, const void* value);
  cl_int set_bytes(cl_uint index, size_t bytes, const void* value);
  cl_int set_unknown(cl_uint index, size_t bytes, const void* value);
  cl_int check_size(cl_uint index, size_t bytes);

  const sluice::opencl::Ref<_cl_program> program_;
  const sluice::opencl::BuildRef build_;
  const std::uint32_t index_;
  const sluice::wire::ObjectId id_;
  std::mutex mutex_;  // guards what follows
  sluice::shim::KernelArguments arguments_;
  std::vector<std::uint32_t> checked_bytes_;  // per argument, the size that the worker has agreed to; 0: not asked
};
