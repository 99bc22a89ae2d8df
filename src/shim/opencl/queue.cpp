#include "shim/opencl/queue.h"

#include "shim/opencl/error.h"
#include "shim/opencl/info.h"

using sluice::opencl::checked;
using sluice::opencl::error_of;
using sluice::opencl::failed;
using sluice::opencl::InfoReply;
using sluice::opencl::set_error;
using sluice::shim::Lane;
namespace opencl = sluice::opencl;
namespace shim = sluice::shim;
namespace wire = sluice::wire;

_cl_command_queue::_cl_command_queue(_cl_context& context, _cl_device_id& device,
                                     cl_command_queue_properties properties, std::vector<cl_queue_properties> list,
                                     std::shared_ptr<Lane> lane)
    : context_(&context), device_(&device), properties_(properties), list_(std::move(list)), lane_(std::move(lane)) {}

cl_command_queue _cl_command_queue::make(_cl_context& context, _cl_device_id& device,
                                         cl_command_queue_properties properties,
                                         std::vector<cl_queue_properties> list) {
  const bool out_of_order = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
  wire::QueueCreate command;
  auto lane = context.session().progress().make_lane(out_of_order, command.timeline_at);
  if (lane == nullptr) return nullptr;
  auto* queue = new _cl_command_queue(context, device, properties, std::move(list), std::move(lane));
  command.id = queue->id();
  command.out_of_order = out_of_order ? 1 : 0;
  if (!device.is_root()) {
    const opencl::UnitRange units = device.units(context.session().traits());
    command.first_unit = units.first;
    command.units = units.count;
  }
  context.session().post(command);
  return queue;
}

_cl_command_queue::~_cl_command_queue() {
  shim::Session& session = this->session();
  if (session.lost()) return;
  wire::ObjectRelease command;
  command.id = id();
  session.post(command);
  session.progress().retire_lane(std::move(lane_));
}

cl_int _cl_command_queue::finish() {
  if (session().lost()) return context().report_lost();
  if (!lane_->wait(lane_->posted())) return context().report_lost();
  progress().settle();
  auto& first_error = lane_->timeline().first_error;
  if (first_error.load(std::memory_order_relaxed) == 0) return CL_SUCCESS;
  return error_of(static_cast<wire::Outcome>(first_error.exchange(0, std::memory_order_acq_rel)));
}

namespace {

// Of queues that are not on the device.
constexpr cl_command_queue_properties host_properties =
    CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE | CL_QUEUE_PROFILING_ENABLE;
constexpr cl_command_queue_properties known_properties =
    host_properties | CL_QUEUE_ON_DEVICE | CL_QUEUE_ON_DEVICE_DEFAULT;

cl_int check_properties(const _cl_context& context, cl_command_queue_properties properties) {
  if ((properties & ~known_properties) != 0) return CL_INVALID_VALUE;
  // Section 5.1: a queue on the device must be out of order, the default one must be on the device.
  const bool out_of_order = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
  const bool on_device = (properties & CL_QUEUE_ON_DEVICE) != 0;
  if (on_device && !out_of_order) return CL_INVALID_VALUE;
  if ((properties & CL_QUEUE_ON_DEVICE_DEFAULT) != 0 && !on_device) return CL_INVALID_VALUE;
  if (on_device) return CL_INVALID_QUEUE_PROPERTIES;
  if (out_of_order && !context.session().traits().out_of_order_queues) return CL_INVALID_QUEUE_PROPERTIES;
  return CL_SUCCESS;
}

struct QueueRequest {
  cl_command_queue_properties properties = 0;
  std::vector<cl_queue_properties> list;
};

cl_int parse_list(const cl_queue_properties* list, QueueRequest& request) {
  bool has_size = false;
  for (const cl_queue_properties* at = list; at != nullptr && *at != 0; at += 2) {
    if (at[0] == CL_QUEUE_PROPERTIES) request.properties = at[1];
    else if (at[0] == CL_QUEUE_SIZE) has_size = true;
    else return CL_INVALID_VALUE;
    request.list.insert(request.list.end(), at, at + 2);
  }
  if (list != nullptr) request.list.push_back(0);
  return has_size && (request.properties & CL_QUEUE_ON_DEVICE) == 0 ? CL_INVALID_VALUE : CL_SUCCESS;
}

cl_command_queue create(cl_context context, cl_device_id device, QueueRequest request, cl_int* errcode_ret) {
  if (!opencl::holds_device(context->devices(), device)) return failed(errcode_ret, CL_INVALID_DEVICE);
  if (const cl_int error = check_properties(*context, request.properties); error != CL_SUCCESS)
    return failed(errcode_ret, error);
  cl_command_queue queue = _cl_command_queue::make(*context, *device, request.properties, std::move(request.list));
  if (queue == nullptr)
    return failed(errcode_ret, context->session().lost() ? context->report_lost() : CL_OUT_OF_HOST_MEMORY);
  set_error(errcode_ret, CL_SUCCESS);
  return queue;
}

}  // namespace

CL_API_ENTRY cl_command_queue CL_API_CALL clCreateCommandQueueWithProperties(cl_context context, cl_device_id device,
                                                                             const cl_queue_properties* properties,
                                                                             cl_int* errcode_ret) {
  if (checked(context) == nullptr) return failed(errcode_ret, CL_INVALID_CONTEXT);
  QueueRequest request;
  if (const cl_int error = parse_list(properties, request); error != CL_SUCCESS) return failed(errcode_ret, error);
  return create(context, device, std::move(request), errcode_ret);
}

CL_API_ENTRY cl_command_queue CL_API_CALL clCreateCommandQueue(cl_context context, cl_device_id device,
                                                               cl_command_queue_properties properties,
                                                               cl_int* errcode_ret) {
  if (checked(context) == nullptr) return failed(errcode_ret, CL_INVALID_CONTEXT);
  if ((properties & ~host_properties) != 0) return failed(errcode_ret, CL_INVALID_VALUE);
  return create(context, device, {properties, {}}, errcode_ret);
}

CL_API_ENTRY cl_int CL_API_CALL clRetainCommandQueue(cl_command_queue queue) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  queue->retain();
  return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseCommandQueue(cl_command_queue queue) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  queue->release();
  return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clGetCommandQueueInfo(cl_command_queue queue, cl_command_queue_info name, size_t room,
                                                      void* value, size_t* size_ret) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  const InfoReply reply(room, value, size_ret);
  switch (name) {
    case CL_QUEUE_CONTEXT: return reply.value<cl_context>(&queue->context());
    case CL_QUEUE_DEVICE: return reply.value<cl_device_id>(queue->device());
    case CL_QUEUE_REFERENCE_COUNT: return reply.value<cl_uint>(queue->references());
    case CL_QUEUE_PROPERTIES: return reply.value<cl_command_queue_properties>(queue->properties());
    case CL_QUEUE_PROPERTIES_ARRAY: return reply.array<cl_queue_properties>(queue->list());
    case CL_QUEUE_DEVICE_DEFAULT: return reply.value<cl_command_queue>(nullptr);
    case CL_QUEUE_SIZE: return CL_INVALID_COMMAND_QUEUE;  // section 5.1: asked of a queue that is not on the device
    default: return CL_INVALID_VALUE;
  }
}

// Deprecated in 1.1: properties of a queue can't be changed.
CL_API_ENTRY cl_int CL_API_CALL clSetCommandQueueProperty(cl_command_queue queue,
                                                          cl_command_queue_properties properties, cl_bool,
                                                          cl_command_queue_properties*) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  return (properties & ~host_properties) != 0 ? CL_INVALID_VALUE : CL_INVALID_OPERATION;
}
