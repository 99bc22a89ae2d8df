// Program: source or binary, and what the last build, compile or link made of it.
//
// A build is one for all of a program's devices, whichever were named: they are the virtual GPU and parts of it, and
// run the same code. Every attempt goes to the worker under an id of its own, because ids are never reused. Kernels
// hold on to the attempt that they were made from.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "shim/opencl/context.h"
#include "shim/opencl/object.h"
#include "wire/kernel_traits.h"

namespace sluice::opencl {

// One attempt and its result; never changes once a program has it. The worker's object goes with its last user.
struct Build {
  Build(shim::Session& in, wire::ObjectId known_as) : session(in), id(known_as) {}
  Build(const Build&) = delete;
  Build& operator=(const Build&) = delete;
  ~Build();

  bool ok() const { return reply.outcome == wire::Outcome::ok; }
  bool executable() const { return ok() && reply.binary_kind == wire::BinaryKind::executable; }
  // CL_SUCCESS, or what clBuildProgram and its like return for this attempt.
  cl_int error() const;

  shim::Session& session;
  const wire::ObjectId id;
  std::string options;
  wire::BuildReply reply;
  bool argument_info_asked = false;  // clGetKernelArgInfo may answer
  bool uniform_work_groups = true;   // local sizes must divide global sizes
};

using BuildRef = std::shared_ptr<const Build>;
enum class ProgramOrigin { source, binary, linked };

}  // namespace sluice::opencl

struct _cl_program final : public sluice::opencl::ObjectOf<_cl_program, sluice::opencl::Kind::program> {
 public:
  // `text`: the source, or the binary as the program passed it; empty if linked. `devices`: of the context's.
  _cl_program(_cl_context& context, sluice::opencl::DeviceRefs devices, sluice::opencl::ProgramOrigin origin,
              std::string text);

  _cl_context& context() const { return *context_; }
  sluice::shim::Session& session() const { return context_->session(); }
  const sluice::opencl::DeviceRefs& devices() const { return devices_; }
  sluice::opencl::ProgramOrigin origin() const { return origin_; }
  const std::string& text() const { return text_; }

  // One attempt at a time, and none while there are kernels: begin_build() refuses with CL_INVALID_OPERATION. Where it
  // does not, end_build() must follow.
  cl_int begin_build();
  void end_build(sluice::opencl::BuildRef build);

  // The last attempt; null if there was none. `status`: its CL_PROGRAM_BUILD_STATUS.
  sluice::opencl::BuildRef last_build(cl_build_status* status = nullptr) const;

  void attach_kernel() { kernels_.fetch_add(1, std::memory_order_relaxed); }
  void detach_kernel() { kernels_.fetch_sub(1, std::memory_order_relaxed); }

  // The binary of the last attempt, fetched from the worker and kept until drop_binary(). Empty if there is none.
  cl_int binary(std::shared_ptr<const std::string>& bytes);
  void drop_binary();

 private:
  const sluice::opencl::Ref<_cl_context> context_;
  const sluice::opencl::DeviceRefs devices_;
  const sluice::opencl::ProgramOrigin origin_;
  const std::string text_;
  std::atomic<cl_uint> kernels_{0};
  mutable std::mutex mutex_;  // guards what follows
  bool building_ = false;
  sluice::opencl::BuildRef build_;
  std::shared_ptr<const std::string> binary_;  // of build_
};
