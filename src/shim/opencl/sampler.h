// Sampler: how kernels read images.
#pragma once

#include <vector>

#include "shim/opencl/context.h"
#include "shim/opencl/object.h"

namespace sluice::opencl {

struct SamplerMode {
  cl_bool normalized = CL_TRUE;
  cl_addressing_mode addressing = CL_ADDRESS_CLAMP;
  cl_filter_mode filter = CL_FILTER_NEAREST;
};

}  // namespace sluice::opencl

struct _cl_sampler final : public sluice::opencl::ObjectOf<_cl_sampler, sluice::opencl::Kind::sampler> {
 public:
  // Tells the worker. `list`: as passed to clCreateSamplerWithProperties, with its zero; else empty.
  _cl_sampler(_cl_context& context, const sluice::opencl::SamplerMode& mode, std::vector<cl_sampler_properties> list);
  ~_cl_sampler();

  _cl_context& context() const { return *context_; }
  sluice::wire::ObjectId id() const { return id_; }
  const sluice::opencl::SamplerMode& mode() const { return mode_; }
  const std::vector<cl_sampler_properties>& list() const { return list_; }

 private:
  const sluice::opencl::Ref<_cl_context> context_;
  const sluice::opencl::SamplerMode mode_;
  const std::vector<cl_sampler_properties> list_;
  const sluice::wire::ObjectId id_;
};
