#include "shim/opencl/sampler.h"

#include "shim/opencl/error.h"
#include "shim/opencl/info.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

_cl_sampler::_cl_sampler(_cl_context& context, const SamplerMode& mode, std::vector<cl_sampler_properties> list)
    : context_(&context), mode_(mode), list_(std::move(list)), id_(context.session().mint()) {
  wire::SamplerCreate command;
  command.id = id_;
  command.normalized = mode.normalized;
  command.addressing_mode = mode.addressing;
  command.filter_mode = mode.filter;
  context.session().post(command);
}

_cl_sampler::~_cl_sampler() {
  if (context_->session().lost()) return;
  wire::ObjectRelease command;
  command.id = id_;
  context_->session().post(command);
}

namespace sluice::opencl {
namespace {

bool valid(const SamplerMode& mode) {
  const bool addressing = mode.addressing >= CL_ADDRESS_NONE && mode.addressing <= CL_ADDRESS_MIRRORED_REPEAT;
  const bool filter = mode.filter == CL_FILTER_NEAREST || mode.filter == CL_FILTER_LINEAR;
  // Repeating is defined on normalised coordinates alone (OpenCL 3.0, section 5.7.1).
  const bool repeats = mode.addressing == CL_ADDRESS_REPEAT || mode.addressing == CL_ADDRESS_MIRRORED_REPEAT;
  return mode.normalized <= CL_TRUE && addressing && filter && (mode.normalized == CL_TRUE || !repeats);
}

cl_sampler create(cl_context context, const SamplerMode& mode, std::vector<cl_sampler_properties> list,
                  cl_int* errcode_ret) {
  if (!valid(mode)) return failed(errcode_ret, CL_INVALID_VALUE);
  if (!context->session().traits().images) return failed(errcode_ret, CL_INVALID_OPERATION);
  if (context->session().lost()) return failed(errcode_ret, context->report_lost());
  set_error(errcode_ret, CL_SUCCESS);
  return new _cl_sampler(*context, mode, std::move(list));
}

// Reads the list of clCreateSamplerWithProperties into `mode`; every name may be there once.
cl_int take_properties(const cl_sampler_properties* list, SamplerMode& mode,
                       std::vector<cl_sampler_properties>& taken) {
  if (list == nullptr) return CL_SUCCESS;
  for (; *list != 0; list += 2) {
    for (std::size_t i = 0; i < taken.size(); i += 2)
      if (taken[i] == list[0]) return CL_INVALID_VALUE;
    switch (list[0]) {
      case CL_SAMPLER_NORMALIZED_COORDS: mode.normalized = static_cast<cl_bool>(list[1]); break;
      case CL_SAMPLER_ADDRESSING_MODE: mode.addressing = static_cast<cl_addressing_mode>(list[1]); break;
      case CL_SAMPLER_FILTER_MODE: mode.filter = static_cast<cl_filter_mode>(list[1]); break;
      default: return CL_INVALID_VALUE;
    }
    taken.insert(taken.end(), {list[0], list[1]});
  }
  taken.push_back(0);
  return CL_SUCCESS;
}

}  // namespace
}  // namespace sluice::opencl

cl_sampler clCreateSampler(cl_context context, cl_bool normalized_coords, cl_addressing_mode addressing_mode,
                           cl_filter_mode filter_mode, cl_int* errcode_ret) {
  if (!checked(context)) return failed(errcode_ret, CL_INVALID_CONTEXT);
  return guarded(errcode_ret, [&] {
    return create(context, {normalized_coords, addressing_mode, filter_mode}, {}, errcode_ret);
  });
}

cl_sampler clCreateSamplerWithProperties(cl_context context, const cl_sampler_properties* sampler_properties,
                                         cl_int* errcode_ret) {
  if (!checked(context)) return failed(errcode_ret, CL_INVALID_CONTEXT);
  return guarded(errcode_ret, [&]() -> cl_sampler {
    SamplerMode mode;
    std::vector<cl_sampler_properties> taken;
    if (const cl_int error = take_properties(sampler_properties, mode, taken)) return failed(errcode_ret, error);
    return create(context, mode, std::move(taken), errcode_ret);
  });
}

cl_int clRetainSampler(cl_sampler sampler) {
  if (!checked(sampler)) return CL_INVALID_SAMPLER;
  sampler->retain();
  return CL_SUCCESS;
}

cl_int clReleaseSampler(cl_sampler sampler) {
  if (!checked(sampler)) return CL_INVALID_SAMPLER;
  sampler->release();
  return CL_SUCCESS;
}

cl_int clGetSamplerInfo(cl_sampler sampler, cl_sampler_info param_name, size_t param_value_size, void* param_value,
                        size_t* param_value_size_ret) {
  if (!checked(sampler)) return CL_INVALID_SAMPLER;
  const InfoReply reply(param_value_size, param_value, param_value_size_ret);
  switch (param_name) {
    case CL_SAMPLER_REFERENCE_COUNT: return reply.value<cl_uint>(sampler->references());
    case CL_SAMPLER_CONTEXT: return reply.value<cl_context>(&sampler->context());
    case CL_SAMPLER_NORMALIZED_COORDS: return reply.value<cl_bool>(sampler->mode().normalized);
    case CL_SAMPLER_ADDRESSING_MODE: return reply.value<cl_addressing_mode>(sampler->mode().addressing);
    case CL_SAMPLER_FILTER_MODE: return reply.value<cl_filter_mode>(sampler->mode().filter);
    case CL_SAMPLER_PROPERTIES: return reply.array<cl_sampler_properties>(sampler->list());
    default: return CL_INVALID_VALUE;
  }
}
