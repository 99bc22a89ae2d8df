// Event: how the program sees one command's end. The state is the client core's (shim/event_state.h); the object adds
// what the API tells of events, and the error that the program itself gave to a user event.
#pragma once

#include <atomic>
#include <utility>

#include "shim/event_state.h"
#include "shim/opencl/context.h"
#include "shim/opencl/object.h"
#include "shim/opencl/queue.h"

struct _cl_event final : public sluice::opencl::ObjectOf<_cl_event, sluice::opencl::Kind::event> {
 public:
  using Times = sluice::shim::EventTimes;

  // A command that is about to be posted; `slot` is the event's from now on. state().posted_as() gives its number.
  static cl_event make_posted(_cl_command_queue& queue, cl_command_type type, sluice::wire::EventSlot& slot,
                              std::uint64_t slot_at);
  // A command that has ended.
  static cl_event make_ended(_cl_command_queue& queue, cl_command_type type, sluice::wire::Outcome outcome,
                             const Times& times);
  // Null: the session is lost.
  static cl_event make_user(_cl_context& context);

  _cl_context& context() const { return *context_; }
  cl_command_queue queue() const { return queue_.get(); }  // null: a user event
  cl_command_type type() const { return type_; }
  sluice::shim::Session& session() const { return state_.session(); }
  sluice::shim::EventState& state() { return state_; }
  const sluice::shim::EventState& state() const { return state_; }
  bool is_user() const { return type_ == CL_COMMAND_USER; }

  // CL_QUEUED ... CL_COMPLETE, or a negative error. Final once it is <= CL_COMPLETE; then the results of reads before
  // it are in the program's memory.
  cl_int status() const { return api_status(state_.status()); }
  // Waits until the command has ended; returns status().
  cl_int wait() { return api_status(state_.wait()); }

  // False: the event was set before.
  bool set_user_status(cl_int status);

 private:
  // `state`: what EventState is made of.
  template <typename... State>
  _cl_event(_cl_context& context, cl_command_queue queue, cl_command_type type, State&&... state)
      : context_(&context), queue_(queue), type_(type), state_(std::forward<State>(state)...) {}
  cl_int api_status(sluice::shim::EventStatus status) const;

  const sluice::opencl::Ref<_cl_context> context_;
  const sluice::opencl::Ref<_cl_command_queue> queue_;
  const cl_command_type type_;
  std::atomic<cl_int> user_status_{CL_SUBMITTED};  // as the program set it
  sluice::shim::EventState state_;                 // last: it goes before the queue, whose lane it uses
};
