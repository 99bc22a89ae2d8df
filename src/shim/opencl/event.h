// Event: how the program sees one command's end.
//
// Three sorts: a posted command's (its state is in an EventSlot that the worker writes), a local command's (done by
// the shim inside the call: complete from the start), and a user event (set by the program).
#pragma once

#include <atomic>

#include "shim/opencl/context.h"
#include "shim/opencl/object.h"
#include "shim/opencl/progress.h"
#include "shim/opencl/queue.h"

struct _cl_event final : public sluice::opencl::ObjectOf<_cl_event, sluice::opencl::Kind::event> {
 public:
  struct Times {
    sluice::Nanoseconds queued_ns = 0, submitted_ns = 0, started_ns = 0, ended_ns = 0;
  };

  // A command that is about to be posted; `slot` is the event's from now on. `sequence` is set by posted_as().
  static cl_event make_posted(_cl_command_queue& queue, cl_command_type type, sluice::wire::EventSlot& slot,
                              std::uint64_t slot_at);
  void posted_as(std::uint64_t sequence) { sequence_ = sequence; }
  // A command that has ended: `status` is CL_COMPLETE or a negative error.
  static cl_event make_ended(_cl_command_queue& queue, cl_command_type type, cl_int status, const Times& times);
  static cl_event make_user(_cl_context& context);
  ~_cl_event();

  _cl_context& context() const { return *context_; }
  cl_command_queue queue() const { return queue_.get(); }  // null: a user event
  cl_command_type type() const { return type_; }
  sluice::opencl::Progress& progress() const { return progress_; }
  // What the worker knows it as; 0: it does not (then the event has ended).
  sluice::wire::ObjectId id() const { return id_; }
  bool is_user() const { return type_ == CL_COMMAND_USER; }

  // CL_QUEUED ... CL_COMPLETE, or a negative error. What it says is final once it is <= CL_COMPLETE, and the results
  // of reads before it are in the program's memory.
  cl_int status() const;
  // The same, without bringing the results of reads.
  cl_int peek() const;
  // Waits until the command has ended; returns status().
  cl_int wait();

  // False: the event was set before.
  bool set_user_status(cl_int status);

  // REQUIRES: status() == CL_COMPLETE.
  Times times() const;

  // For waiting in one place for many events: the in-order lane and sequence that stand for this event, or null.
  sluice::opencl::Lane* in_order_lane() const {
    return slot_ != nullptr && !queue_->out_of_order() ? &queue_->lane() : nullptr;
  }
  std::uint64_t sequence() const { return sequence_; }

 private:
  _cl_event(sluice::opencl::Progress& progress, _cl_context& context, cl_command_queue queue, cl_command_type type,
            sluice::wire::ObjectId id, cl_int status);

  sluice::opencl::Progress& progress_;
  const sluice::opencl::Ref<_cl_context> context_;
  const sluice::opencl::Ref<_cl_command_queue> queue_;
  const cl_command_type type_;
  const sluice::wire::ObjectId id_;
  sluice::wire::EventSlot* slot_ = nullptr;  // of a posted command
  std::uint64_t slot_at_ = sluice::wire::nowhere;
  std::uint64_t sequence_ = 0;
  std::atomic<cl_int> local_status_;  // of the others
  Times local_times_;
};
