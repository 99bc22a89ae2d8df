// The calls on shared virtual memory (OpenCL 3.0, sections 5.6 and 5.9.2).
#include <cstring>
#include <memory>
#include <vector>

#include "shim/opencl/callbacks.h"
#include "shim/opencl/enqueue.h"
#include "shim/opencl/kernel.h"
#include "shim/opencl/svm_allocations.h"
#include "shim/opencl/transfer.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

// ---- allocating ----

constexpr cl_svm_mem_flags sharing_flags = CL_MEM_SVM_FINE_GRAIN_BUFFER | CL_MEM_SVM_ATOMICS;

bool device_shares(cl_svm_mem_flags flags, cl_device_svm_capabilities device) {
  if ((device & CL_DEVICE_SVM_COARSE_GRAIN_BUFFER) == 0) return false;
  const bool fine = (flags & CL_MEM_SVM_FINE_GRAIN_BUFFER) != 0, atomics = (flags & CL_MEM_SVM_ATOMICS) != 0;
  if (fine && (device & CL_DEVICE_SVM_FINE_GRAIN_BUFFER) == 0) return false;
  return !atomics || (fine && (device & CL_DEVICE_SVM_ATOMICS) != 0);
}

// The largest type is long16. Whatever the arena gives out lies on a multiple of more.
bool valid_alignment(cl_uint alignment) {
  constexpr cl_uint alignment_max = sizeof(cl_long16);
  return alignment <= alignment_max && (alignment & (alignment - 1)) == 0;
}

// ---- commands ----

bool valid_pattern(const void* pointer, size_t pattern_bytes, size_t bytes) {
  return pattern_bytes != 0 && pattern_bytes <= wire::fill_pattern_bytes_max &&
         (pattern_bytes & (pattern_bytes - 1)) == 0 && bytes % pattern_bytes == 0 &&
         reinterpret_cast<std::uintptr_t>(pointer) % pattern_bytes == 0;
}

bool overlap(const void* a, const void* b, size_t bytes) {
  const auto from = reinterpret_cast<std::uintptr_t>(a), to = reinterpret_cast<std::uintptr_t>(b);
  return from < to + bytes && to < from + bytes;
}

cl_int copy_inside(const Enqueue& options, const SvmRange& to, const SvmRange& from, size_t bytes, bool blocking) {
  wire::BufferCopy command;
  command.src = from.buffer->id(), command.dst = to.buffer->id();
  command.src_offset = from.offset, command.dst_offset = to.offset;
  command.bytes = bytes;
  return carry_out(options, command, blocking);
}

// Neither end is shared: the device has no part in it, so the program itself does it when its turn has come.
cl_int copy_outside(const Enqueue& options, void* to, const void* from, size_t bytes) {
  if (const cl_int error = keep_place({options.queue, options.type, options.waits, nullptr}, true)) return error;
  const auto started_ns = local_start(options);
  std::memcpy(to, from, bytes);
  return complete_now(options, started_ns);
}

cl_int copy(const Enqueue& options, void* to, const void* from, size_t bytes, bool blocking) {
  const SvmAllocations& shared = options.queue.context().svm();
  const auto dst = shared.find(to, bytes), src = shared.find(from, bytes);
  if (dst && src) return copy_inside(options, *dst, *src, bytes, blocking);
  if (dst) return write_buffer(options, *dst->buffer, dst->offset, bytes, from, blocking);
  if (src) return read_buffer(options, *src->buffer, src->offset, bytes, to, blocking);
  return copy_outside(options, to, from, bytes);
}

cl_int check_map(cl_command_queue queue, const void* pointer, cl_uint wait_count, const cl_event* wait_list) {
  if (const cl_int error = check_enqueue(queue, wait_count, wait_list)) return error;
  return pointer != nullptr ? CL_SUCCESS : CL_INVALID_VALUE;
}

// What clEnqueueSVMFree was asked to do, once its turn has come.
struct Freeing {
  using Callback = void(CL_CALLBACK*)(cl_command_queue, cl_uint, void*[], void*);
  Ref<_cl_command_queue> queue;
  std::vector<void*> pointers;
  Callback callback;
  void* user_data;

  void run() {
    if (callback != nullptr)
      return callback(queue.get(), static_cast<cl_uint>(pointers.size()), pointers.data(), user_data);
    for (void* pointer : pointers) clSVMFree(&queue->context(), pointer);
  }
};

void CL_CALLBACK run_freeing(cl_event, cl_int status, void* freeing) {
  const std::unique_ptr<Freeing> owned(static_cast<Freeing*>(freeing));
  if (status == CL_COMPLETE) owned->run();  // else what it waits for has failed, and the memory stays the program's
}

cl_int free_in_turn(const Enqueue& options, std::unique_ptr<Freeing> freeing) {
  cl_event event = nullptr;
  wire::Marker marker;
  if (const cl_int error = post({options.queue, options.type, options.waits, &event}, marker)) return error;
  const auto done = Ref<_cl_event>::adopt(event);
  if (!watch_event(*event, CL_COMPLETE, run_freeing, freeing.get())) return CL_OUT_OF_RESOURCES;
  (void)freeing.release();  // run_freeing's now
  if (options.event_out != nullptr) {
    event->retain();
    *options.event_out = event;
  }
  return CL_SUCCESS;
}

}  // namespace

// ---- section 5.6.1: allocating ----

void* clSVMAlloc(cl_context context, cl_svm_mem_flags flags, size_t size, cl_uint alignment) {
  if (checked(context) == nullptr || context->session().lost()) return nullptr;
  const wire::DeviceTraits& traits = context->session().traits();
  const auto access = complete_flags(flags & ~sharing_flags);
  constexpr cl_mem_flags access_flags = CL_MEM_READ_WRITE | CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY;
  if (!access || (*access & ~access_flags) != 0 || !device_shares(flags, traits.shared_virtual_memory)) return nullptr;
  if (size == 0 || size > traits.allocation_bytes_max || !valid_alignment(alignment)) return nullptr;
  return guarded(nullptr, [&]() -> void* {
    MemorySpec spec;
    spec.flags = *access;
    spec.bytes = size;
    cl_int error = CL_SUCCESS;
    auto buffer = Ref<_cl_mem>::adopt(make_buffer(*context, std::move(spec), error));
    return buffer ? context->svm().add(std::move(buffer)) : nullptr;
  });
}

void clSVMFree(cl_context context, void* pointer) {
  if (checked(context) != nullptr && pointer != nullptr) (void)context->svm().take(pointer);
}

cl_int clEnqueueSVMFree(cl_command_queue queue, cl_uint count, void* pointers[],
                        void(CL_CALLBACK* callback)(cl_command_queue, cl_uint, void*[], void*), void* user_data,
                        cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_enqueue(queue, wait_count, wait_list)) return error;
  if (queue->session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  if ((count == 0) != (pointers == nullptr)) return CL_INVALID_VALUE;
  return guarded([&] {
    std::vector<void*> list(pointers, pointers + count);
    std::unique_ptr<Freeing> freeing(new Freeing{Ref<_cl_command_queue>(queue), std::move(list), callback, user_data});
    return free_in_turn({*queue, CL_COMMAND_SVM_FREE, wait_span(wait_count, wait_list), event}, std::move(freeing));
  });
}

// ---- section 5.6.2: commands ----

cl_int clEnqueueSVMMemcpy(cl_command_queue queue, cl_bool blocking, void* dst, const void* src, size_t size,
                          cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_enqueue(queue, wait_count, wait_list)) return error;
  if (queue->session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  if (dst == nullptr || src == nullptr) return CL_INVALID_VALUE;
  if (overlap(dst, src, size)) return CL_MEM_COPY_OVERLAP;
  const Enqueue options{*queue, CL_COMMAND_SVM_MEMCPY, wait_span(wait_count, wait_list), event};
  return guarded([&] {
    return size == 0 ? keep_place(options, blocking != CL_FALSE) : copy(options, dst, src, size, blocking != CL_FALSE);
  });
}

cl_int clEnqueueSVMMemFill(cl_command_queue queue, void* pointer, const void* pattern, size_t pattern_size, size_t size,
                           cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_map(queue, pointer, wait_count, wait_list)) return error;
  if (queue->session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  if (pattern == nullptr || !valid_pattern(pointer, pattern_size, size)) return CL_INVALID_VALUE;
  const Enqueue options{*queue, CL_COMMAND_SVM_MEMFILL, wait_span(wait_count, wait_list), event};
  return guarded([&] {
    if (size == 0) return keep_place(options, false);
    const auto range = queue->context().svm().find(pointer, size);
    return range ? fill_buffer(options, *range->buffer, range->offset, size,
                               {static_cast<const std::byte*>(pattern), pattern_size})
                 : CL_INVALID_VALUE;
  });
}

// The memory is the same on both sides: mapping only keeps its place in the queue.
cl_int clEnqueueSVMMap(cl_command_queue queue, cl_bool blocking, cl_map_flags flags, void* pointer, size_t size,
                       cl_uint wait_count, const cl_event* wait_list, cl_event* event) {
  if (const cl_int error = check_map(queue, pointer, wait_count, wait_list)) return error;
  if (queue->session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  if (size == 0 || !valid_map_flags(flags)) return CL_INVALID_VALUE;
  return guarded([&] {
    if (!queue->context().svm().find(pointer, size)) return CL_INVALID_VALUE;
    return keep_place({*queue, CL_COMMAND_SVM_MAP, wait_span(wait_count, wait_list), event}, blocking != CL_FALSE);
  });
}

cl_int clEnqueueSVMUnmap(cl_command_queue queue, void* pointer, cl_uint wait_count, const cl_event* wait_list,
                         cl_event* event) {
  if (const cl_int error = check_map(queue, pointer, wait_count, wait_list)) return error;
  if (queue->session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  return guarded([&] {
    return keep_place({*queue, CL_COMMAND_SVM_UNMAP, wait_span(wait_count, wait_list), event}, false);
  });
}

// There is one device, and its memory is this process's: nothing to move.
cl_int clEnqueueSVMMigrateMem(cl_command_queue queue, cl_uint count, const void** pointers, const size_t* sizes,
                              cl_mem_migration_flags flags, cl_uint wait_count, const cl_event* wait_list,
                              cl_event* event) {
  if (const cl_int error = check_enqueue(queue, wait_count, wait_list)) return error;
  if (queue->session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  constexpr cl_mem_migration_flags known = CL_MIGRATE_MEM_OBJECT_HOST | CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED;
  if (count == 0 || pointers == nullptr || (flags & ~known) != 0) return CL_INVALID_VALUE;
  for (cl_uint i = 0; i < count; ++i)
    if (!queue->context().svm().find(pointers[i], sizes != nullptr ? sizes[i] : 0)) return CL_INVALID_VALUE;
  return guarded([&] {
    return keep_place({*queue, CL_COMMAND_SVM_MIGRATE_MEM, wait_span(wait_count, wait_list), event}, false);
  });
}

// ---- section 5.9.2: arguments ----

cl_int clSetKernelArgSVMPointer(cl_kernel kernel, cl_uint index, const void* value) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  if (kernel->context().session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  return guarded([&] { return kernel->set_pointer(index, value); });
}

// Kernels may follow any address in the arena: what is told here is checked and needs no keeping.
cl_int clSetKernelExecInfo(cl_kernel kernel, cl_kernel_exec_info name, size_t size, const void* value) {
  if (!checked(kernel)) return CL_INVALID_KERNEL;
  if (kernel->context().session().traits().shared_virtual_memory == 0) return CL_INVALID_OPERATION;
  if (value == nullptr) return CL_INVALID_VALUE;
  if (name == CL_KERNEL_EXEC_INFO_SVM_PTRS)
    return size != 0 && size % sizeof(void*) == 0 ? CL_SUCCESS : CL_INVALID_VALUE;
  if (name != CL_KERNEL_EXEC_INFO_SVM_FINE_GRAIN_SYSTEM || size != sizeof(cl_bool)) return CL_INVALID_VALUE;
  cl_bool any_memory = CL_FALSE;
  std::memcpy(&any_memory, value, sizeof any_memory);
  return any_memory == CL_FALSE ? CL_SUCCESS : CL_INVALID_OPERATION;  // no device here shares all of the host's memory
}
