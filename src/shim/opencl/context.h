// Context: binds the program's objects to the session they were made in.
#pragma once

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "shim/opencl/device.h"
#include "shim/opencl/object.h"
#include "shim/opencl/svm_allocations.h"
#include "shim/session.h"

namespace sluice::opencl {

using ContextNotify = void(CL_CALLBACK*)(const char* error_info, const void* private_info, size_t cb, void* user_data);
using ContextDestructor = void(CL_CALLBACK*)(cl_context context, void* user_data);

}  // namespace sluice::opencl

struct _cl_context final : public sluice::opencl::ObjectOf<_cl_context, sluice::opencl::Kind::context> {
 public:
  _cl_context(sluice::shim::Session& session, sluice::opencl::DeviceRefs devices,
              std::vector<cl_context_properties> properties, sluice::opencl::ContextNotify notify, void* notify_data);
  // Calls the destructor callbacks, last registered first (OpenCL 3.0, section 4.4).
  ~_cl_context();

  sluice::shim::Session& session() const { return session_; }
  // The virtual GPU, parts of it, or both; one at least, each once.
  const sluice::opencl::DeviceRefs& devices() const { return devices_; }
  // As passed at creation, with the terminating zero; empty if none were passed.
  const std::vector<cl_context_properties>& properties() const { return properties_; }

  sluice::opencl::SvmAllocations& svm() { return svm_; }
  const sluice::opencl::SvmAllocations& svm() const { return svm_; }

  void add_destructor(sluice::opencl::ContextDestructor callback, void* user_data);

  // The error for any call that found the worker gone: CL_OUT_OF_RESOURCES. The first one tells the program's notify
  // callback as well.
  cl_int report_lost();

 private:
  sluice::shim::Session& session_;
  const sluice::opencl::DeviceRefs devices_;
  const std::vector<cl_context_properties> properties_;
  const sluice::opencl::ContextNotify notify_;
  void* const notify_data_;
  std::atomic<bool> loss_reported_{false};
  sluice::opencl::SvmAllocations svm_;
  std::mutex mutex_;  // guards destructors_
  std::vector<std::pair<sluice::opencl::ContextDestructor, void*>> destructors_;
};
