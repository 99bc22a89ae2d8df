#include "shim/opencl/memory.h"

#include <algorithm>

#include "shim/opencl/callbacks.h"
#include "shim/opencl/info.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

constexpr cl_mem_flags access_flags = CL_MEM_READ_WRITE | CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY;
constexpr cl_mem_flags host_access_flags = CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_WRITE_ONLY | CL_MEM_HOST_NO_ACCESS;
constexpr cl_mem_flags placement_flags = CL_MEM_USE_HOST_PTR | CL_MEM_ALLOC_HOST_PTR | CL_MEM_COPY_HOST_PTR;

bool at_most_one(cl_mem_flags flags, cl_mem_flags of) {
  const cl_mem_flags chosen = flags & of;
  return (chosen & (chosen - 1)) == 0;
}

}  // namespace

// ---- the object ----

_cl_mem::_cl_mem(_cl_context& context, wire::ObjectId id, MemorySpec spec)
    : context_(&context), id_(id), spec_(std::move(spec)), parent_(spec_.parent) {
  if (spec_.arena_at != wire::no_offset) contents_ = context.session().arena().at(spec_.arena_at);
  else if (parent_ && parent_->contents() != nullptr) contents_ = parent_->contents() + spec_.origin;
}

_cl_mem::~_cl_mem() {
  if (!destructors_.empty()) {
    std::reverse(destructors_.begin(), destructors_.end());  // section 5.5.1: last registered, first called
    watch_release(session(), progress().fence(), this, std::move(destructors_));
  }
  if (session().lost()) return;
  wire::ObjectRelease command;
  command.id = id_;
  session().post(command);
  for (const Mapping& mapping : mappings_)
    if (mapping.staging_at != wire::no_offset) progress().free_after_all(mapping.staging_at);
  if (!parent_) progress().free_after_all(spec_.arena_at);
}

void _cl_mem::add_destructor(MemoryDestructor callback, void* user_data) {
  std::lock_guard lock(mutex_);
  destructors_.emplace_back(callback, user_data);
}

void _cl_mem::add_mapping(const Mapping& mapping) {
  std::lock_guard lock(mutex_);
  mappings_.push_back(mapping);
}

std::optional<Mapping> _cl_mem::take_mapping(void* pointer) {
  std::lock_guard lock(mutex_);
  const auto found = std::find_if(mappings_.rbegin(), mappings_.rend(),
                                  [&](const Mapping& mapping) { return mapping.pointer == pointer; });
  if (found == mappings_.rend()) return std::nullopt;
  const Mapping mapping = *found;
  mappings_.erase(std::next(found).base());
  return mapping;
}

cl_uint _cl_mem::map_count() const {
  if (session().lost()) return 0;
  std::lock_guard lock(mutex_);
  return static_cast<cl_uint>(mappings_.size());
}

// ---- flags ----

namespace sluice::opencl {

std::uint32_t device_access(cl_mem_flags flags) {
  if ((flags & CL_MEM_READ_ONLY) != 0) return wire::device_reads;
  if ((flags & CL_MEM_WRITE_ONLY) != 0) return wire::device_writes;
  return wire::device_reads | wire::device_writes;
}

std::optional<cl_mem_flags> complete_flags(cl_mem_flags flags) {
  if ((flags & ~(access_flags | host_access_flags | placement_flags)) != 0) return std::nullopt;
  if (!at_most_one(flags, access_flags) || !at_most_one(flags, host_access_flags)) return std::nullopt;
  if ((flags & CL_MEM_USE_HOST_PTR) != 0 && (flags & (CL_MEM_ALLOC_HOST_PTR | CL_MEM_COPY_HOST_PTR)) != 0)
    return std::nullopt;
  return flags != 0 ? flags : CL_MEM_READ_WRITE;
}

// Sections 5.2.1 (clCreateSubBuffer) and 5.3.1 (CL_MEM_OBJECT_IMAGE1D_BUFFER): a part may not do more than the whole.
std::optional<cl_mem_flags> inherited_flags(cl_mem_flags flags, cl_mem_flags parent) {
  if ((flags & placement_flags) != 0 || !complete_flags(flags)) return std::nullopt;
  const auto both = [&](cl_mem_flags parents, cl_mem_flags wanted) {
    return (parent & parents) != 0 && (flags & wanted) != 0;
  };
  if (both(CL_MEM_WRITE_ONLY, CL_MEM_READ_WRITE | CL_MEM_READ_ONLY) ||
      both(CL_MEM_READ_ONLY, CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY) ||
      both(CL_MEM_HOST_WRITE_ONLY, CL_MEM_HOST_READ_ONLY) || both(CL_MEM_HOST_READ_ONLY, CL_MEM_HOST_WRITE_ONLY) ||
      both(CL_MEM_HOST_NO_ACCESS, CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_WRITE_ONLY))
    return std::nullopt;
  flags |= parent & placement_flags;
  if ((flags & access_flags) == 0) flags |= parent & access_flags;
  if ((flags & host_access_flags) == 0) flags |= parent & host_access_flags;
  return flags;
}

cl_int check_host_ptr(cl_mem_flags flags, const void* host_ptr) {
  const bool wanted = (flags & (CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR)) != 0;
  return wanted == (host_ptr != nullptr) ? CL_SUCCESS : CL_INVALID_HOST_PTR;
}

std::vector<cl_mem_properties> copy_properties(const cl_mem_properties* properties) {
  std::vector<cl_mem_properties> copy;
  if (properties == nullptr) return copy;
  const cl_mem_properties* end = properties;
  while (*end != 0) end += 2;
  copy.assign(properties, end + 1);
  return copy;
}

}  // namespace sluice::opencl

// ---- entry points of all memory objects ----

cl_int clRetainMemObject(cl_mem memory) {
  if (checked(memory) == nullptr) return CL_INVALID_MEM_OBJECT;
  memory->retain();
  return CL_SUCCESS;
}

cl_int clReleaseMemObject(cl_mem memory) {
  if (checked(memory) == nullptr) return CL_INVALID_MEM_OBJECT;
  memory->release();
  return CL_SUCCESS;
}

cl_int clSetMemObjectDestructorCallback(cl_mem memory, void(CL_CALLBACK* callback)(cl_mem, void*), void* user_data) {
  if (checked(memory) == nullptr) return CL_INVALID_MEM_OBJECT;
  if (callback == nullptr) return CL_INVALID_VALUE;
  if (memory->progress().lost()) return memory->context().report_lost();
  memory->add_destructor(callback, user_data);
  return CL_SUCCESS;
}

cl_int clGetMemObjectInfo(cl_mem memory, cl_mem_info name, size_t room, void* value, size_t* size_ret) {
  if (checked(memory) == nullptr) return CL_INVALID_MEM_OBJECT;
  const InfoReply reply(room, value, size_ret);
  switch (name) {
    case CL_MEM_TYPE: return reply.value<cl_mem_object_type>(memory->type());
    case CL_MEM_FLAGS: return reply.value<cl_mem_flags>(memory->flags());
    case CL_MEM_SIZE: return reply.value<size_t>(memory->bytes());
    case CL_MEM_HOST_PTR: return reply.value<void*>(memory->host_ptr());
    case CL_MEM_MAP_COUNT: return reply.value<cl_uint>(memory->map_count());
    case CL_MEM_REFERENCE_COUNT: return reply.value<cl_uint>(memory->references());
    case CL_MEM_CONTEXT: return reply.value<cl_context>(&memory->context());
    case CL_MEM_ASSOCIATED_MEMOBJECT: return reply.value<cl_mem>(memory->parent());
    case CL_MEM_OFFSET: return reply.value<size_t>(memory->origin());
    case CL_MEM_USES_SVM_POINTER: return reply.value<cl_bool>(memory->over_svm() ? CL_TRUE : CL_FALSE);
    case CL_MEM_PROPERTIES: return reply.array<cl_mem_properties>(memory->properties());
    default: return CL_INVALID_VALUE;
  }
}
