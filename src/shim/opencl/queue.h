// Command queue: a lane of the client core (shim/lane.h), and what the API tells of queues.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "shim/opencl/context.h"
#include "shim/opencl/object.h"
#include "shim/progress.h"

struct _cl_command_queue final : public sluice::opencl::ObjectOf<_cl_command_queue, sluice::opencl::Kind::queue> {
 public:
  // Null if the session is lost or its arena is full. `list`: as passed to clCreateCommandQueueWithProperties, with
  // its zero; empty if none was passed.
  static cl_command_queue make(_cl_context& context, _cl_device_id& device, cl_command_queue_properties properties,
                               std::vector<cl_queue_properties> list);
  // The commands in it go on (OpenCL 3.0, section 5.1: releasing flushes).
  ~_cl_command_queue();

  _cl_context& context() const { return *context_; }
  cl_device_id device() const { return device_.get(); }
  sluice::shim::Session& session() const { return lane_->session(); }
  sluice::shim::Progress& progress() const { return session().progress(); }
  sluice::wire::ObjectId id() const { return lane_->queue(); }
  sluice::shim::Lane& lane() const { return *lane_; }
  bool out_of_order() const { return lane_->out_of_order(); }
  bool profiling() const { return (properties_ & CL_QUEUE_PROFILING_ENABLE) != 0; }
  cl_command_queue_properties properties() const { return properties_; }
  const std::vector<cl_queue_properties>& list() const { return list_; }

  // Waits until everything posted so far has ended. CL_SUCCESS, CL_OUT_OF_RESOURCES if the worker is lost, or the
  // error of the first command that failed with no event to say so.
  cl_int finish();

 private:
  _cl_command_queue(_cl_context& context, _cl_device_id& device, cl_command_queue_properties properties,
                    std::vector<cl_queue_properties> list, std::shared_ptr<sluice::shim::Lane> lane);

  const sluice::opencl::Ref<_cl_context> context_;
  const sluice::opencl::Ref<_cl_device_id> device_;
  const cl_command_queue_properties properties_;
  const std::vector<cl_queue_properties> list_;
  std::shared_ptr<sluice::shim::Lane> lane_;
};
