// clEnqueueNativeKernel (OpenCL 3.0, section 5.10): a function of the program, run in its queue's order in the
// program's own process, where the contents of buffers lie in the arena. Elsewhere it is refused, as the device's
// capabilities say.
//
// If its turn has come it is run at once. Else the queue holds a marker, whose end is its turn, and behind that a
// marker that waits for a user event: the command itself. The callbacks' thread runs the function between the two.
// A command that another thread puts into the same queue meanwhile may come between them.
#include <cstring>
#include <memory>
#include <vector>

#include "shim/opencl/callbacks.h"
#include "shim/opencl/enqueue.h"
#include "shim/opencl/error.h"
#include "shim/opencl/memory.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace sluice::opencl {
namespace {

using NativeFunction = void(CL_CALLBACK*)(void*);

// As the program gave it.
struct NativeArguments {
  const void* bytes = nullptr;
  size_t count = 0;
  std::span<const cl_mem> memory;
  const void** places = nullptr;  // pointers into `bytes`, one for each memory object
};

// A call that waits for its turn. Holds all that it needs.
struct NativeCall {
  NativeFunction function = nullptr;
  std::vector<std::byte> arguments;
  std::vector<Ref<_cl_mem>> memory;
  Ref<_cl_event> done;  // the user event that its command waits for

  void run() { function(arguments.data()); }
};

cl_int check_shape(NativeFunction function, const void* bytes, size_t count, cl_uint memory_count, const cl_mem* memory,
                   const void** places) {
  if (function == nullptr || (bytes == nullptr) != (count == 0)) return CL_INVALID_VALUE;
  if ((memory_count == 0) != (memory == nullptr) || (memory_count == 0) != (places == nullptr)) return CL_INVALID_VALUE;
  return bytes == nullptr && memory_count != 0 ? CL_INVALID_VALUE : CL_SUCCESS;
}

cl_int check_memory(const _cl_context& context, std::span<const cl_mem> memory) {
  for (const cl_mem object : memory) {
    if (object == nullptr) continue;
    if (checked(object) == nullptr || !object->is_buffer()) return CL_INVALID_MEM_OBJECT;
    if (&object->context() != &context) return CL_INVALID_CONTEXT;
  }
  return CL_SUCCESS;
}

// Copies the arguments, with the places of the buffers' contents where the program wants them.
cl_int take_arguments(const NativeArguments& given, NativeCall& call) {
  const auto* first = static_cast<const std::byte*>(given.bytes);
  call.arguments.assign(first, first + given.count);
  for (std::size_t i = 0; i < given.memory.size(); ++i) {
    const cl_mem object = given.memory[i];
    const auto offset = static_cast<const std::byte*>(given.places[i]) - first;
    if (offset < 0 || given.count < sizeof(void*) || static_cast<size_t>(offset) > given.count - sizeof(void*))
      return CL_INVALID_VALUE;
    const void* contents = object != nullptr ? object->contents() : nullptr;
    std::memcpy(call.arguments.data() + offset, &contents, sizeof contents);
    if (object != nullptr) call.memory.emplace_back(object);
  }
  return CL_SUCCESS;
}

// Who sees the end of the queue's next command sees what the function did: the worker, which is told of the one, says
// the other. ThreadSanitizer, which does not see the worker, is told that this thread writes the queue's progress.
void show_in_order([[maybe_unused]] cl_event turn) {
#ifdef __SANITIZE_THREAD__
  __tsan_release(&turn->queue()->lane().timeline());
#endif
}

void CL_CALLBACK take_turn(cl_event turn, cl_int status, void* user_data) {
  const std::unique_ptr<NativeCall> call(static_cast<NativeCall*>(user_data));
  if (status == CL_COMPLETE) call->run();
  show_in_order(turn);
  call->done->set_user_status(status < CL_COMPLETE ? status : CL_COMPLETE);
}

cl_int run_later(const Enqueue& options, std::unique_ptr<NativeCall> call) {
  call->done = Ref<_cl_event>::adopt(_cl_event::make_user(options.queue.context()));
  if (!call->done) return options.queue.context().report_lost();
  const Ref<_cl_event> done = call->done;
  wire::Marker turn_marker, own_marker;
  cl_event turn = nullptr;
  if (const cl_int error = post({options.queue, CL_COMMAND_MARKER, options.waits, &turn}, turn_marker)) return error;
  const auto turn_ref = Ref<_cl_event>::adopt(turn);
  const cl_event gate = done.get();
  if (const cl_int error = post({options.queue, options.type, std::span(&gate, 1), options.event_out}, own_marker))
    return error;
  if (!watch_event(*turn, CL_COMPLETE, take_turn, call.get())) {
    done->set_user_status(CL_OUT_OF_RESOURCES);
    return CL_OUT_OF_RESOURCES;
  }
  call.release();  // take_turn's now
  return CL_SUCCESS;
}

cl_int enqueue_native(const Enqueue& options, NativeFunction function, const NativeArguments& given) {
  auto call = std::make_unique<NativeCall>();
  call->function = function;
  if (const cl_int error = take_arguments(given, *call)) return error;
  if (!ready_now(options)) return run_later(options, std::move(call));
  const Nanoseconds started_ns = local_start(options);
  call->run();
  return complete_now(options, started_ns);
}

}  // namespace
}  // namespace sluice::opencl

using namespace sluice::opencl;

cl_int clEnqueueNativeKernel(cl_command_queue command_queue, void(CL_CALLBACK* user_func)(void*), void* args,
                             size_t cb_args, cl_uint num_mem_objects, const cl_mem* mem_list, const void** args_mem_loc,
                             cl_uint num_events_in_wait_list, const cl_event* event_wait_list, cl_event* event) {
  if (const cl_int error = check_enqueue(command_queue, num_events_in_wait_list, event_wait_list)) return error;
  if (const cl_int error = check_shape(user_func, args, cb_args, num_mem_objects, mem_list, args_mem_loc)) return error;
  if (!command_queue->session().traits().buffers_in_arena) return CL_INVALID_OPERATION;
  const std::span<const cl_mem> memory(mem_list, num_mem_objects);
  if (const cl_int error = check_memory(command_queue->context(), memory)) return error;
  const Enqueue options{*command_queue, CL_COMMAND_NATIVE_KERNEL, wait_span(num_events_in_wait_list, event_wait_list),
                        event};
  return guarded([&] { return enqueue_native(options, user_func, {args, cb_args, memory, args_mem_loc}); });
}
