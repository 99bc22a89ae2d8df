#include "shim/opencl/enqueue.h"

#include <mutex>
#include <vector>

#include "shim/opencl/error.h"

namespace sluice::opencl {
namespace {

// The events that the worker must wait for: not those that have ended, nor those that the queue's order waits for.
// False: one of all has failed.
bool ids_to_wait_for(const Enqueue& how, std::vector<wire::ObjectId>& ids) {
  const Lane* own = how.queue.out_of_order() ? nullptr : &how.queue.lane();
  for (const cl_event event : how.waits) {
    const cl_int status = event->peek();
    if (status < CL_COMPLETE) return false;
    if (status == CL_COMPLETE || (own != nullptr && event->in_order_lane() == own)) continue;
    ids.push_back(event->id());
  }
  return true;
}

// The slot and the event of one command.
struct Witness {
  wire::EventSlot* slot = nullptr;
  std::uint64_t slot_at = wire::nowhere;
  cl_event event = nullptr;
};

bool make_witness(const Enqueue& how, bool observed, Witness& witness) {
  if (how.event_out == nullptr && !observed) return true;
  witness.slot = how.queue.session().make_event_slot(witness.slot_at);
  if (witness.slot == nullptr) return false;
  witness.slot->stage.store(static_cast<std::int32_t>(wire::EventStage::queued), std::memory_order_relaxed);
  witness.slot->queued_ns = now_ns();
  if (how.event_out != nullptr)
    witness.event = _cl_event::make_posted(how.queue, how.type, *witness.slot, witness.slot_at);
  return true;
}

// Numbers the command and writes it to the ring as one step. 0: lost.
std::uint64_t put_in_order(_cl_command_queue& queue, const RawCommand& command, std::span<const wire::ObjectId> ids) {
  wire::RingWriter& ring = queue.session().ring();
  std::lock_guard lock(ring.order());
  command.header.sequence = queue.lane().next_sequence();
  const bool written = ring.post_locked(command.fixed, std::as_bytes(ids), command.trailing);
  return written ? command.header.sequence : 0;
}

cl_int lost_error(const Enqueue& how, const Witness& witness) {
  if (witness.event != nullptr) witness.event->release();
  return how.queue.context().report_lost();
}

}  // namespace

cl_int check_enqueue(cl_command_queue queue, cl_uint wait_count, const cl_event* wait_list) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if ((wait_count == 0) != (wait_list == nullptr)) return CL_INVALID_EVENT_WAIT_LIST;
  for (const cl_event event : wait_span(wait_count, wait_list))
    if (checked(event) == nullptr) return CL_INVALID_EVENT_WAIT_LIST;
  for (const cl_event event : wait_span(wait_count, wait_list))
    if (&event->context() != &queue->context()) return CL_INVALID_CONTEXT;
  return CL_SUCCESS;
}

cl_int fail_now(const Enqueue& how) {
  if (how.event_out == nullptr) return CL_SUCCESS;
  const Nanoseconds now = now_ns();
  *how.event_out =
      _cl_event::make_ended(how.queue, how.type, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, {now, now, now, now});
  return CL_SUCCESS;
}

cl_int post_raw(const Enqueue& how, const RawCommand& command, bool observed, Posted& posted) {
  posted = {};
  _cl_command_queue& queue = how.queue;
  if (queue.session().lost()) return queue.context().report_lost();
  std::vector<wire::ObjectId> ids;
  if (!ids_to_wait_for(how, ids)) return fail_now(how);
  const std::size_t bytes = command.fixed.size() + ids.size() * sizeof(wire::ObjectId) + command.trailing.size();
  if (ids.size() > wire::wait_list_max || bytes > wire::command_bytes_max) return CL_OUT_OF_RESOURCES;
  Witness witness;
  if (!make_witness(how, observed, witness)) return CL_OUT_OF_HOST_MEMORY;

  wire::EnqueueHeader& header = command.header;
  header.header.op = command.op;
  header.header.bytes = static_cast<std::uint32_t>(bytes);
  header.queue = queue.id();
  header.event = witness.event != nullptr ? witness.event->id() : 0;
  header.event_at = witness.slot_at;
  header.wait_count = static_cast<std::uint32_t>(ids.size());
  const std::uint64_t sequence = put_in_order(queue, command, ids);
  if (sequence == 0) return lost_error(how, witness);

  posted = {sequence, witness.slot, witness.event != nullptr ? wire::nowhere : witness.slot_at};
  if (witness.event != nullptr) {
    witness.event->posted_as(sequence);
    *how.event_out = witness.event;
  }
  return CL_SUCCESS;
}

bool ready_now(const Enqueue& how) {
  if (how.queue.progress().lost() || !how.queue.lane().idle()) return false;
  for (const cl_event event : how.waits)
    if (event->peek() != CL_COMPLETE) return false;
  how.queue.progress().settle();
  return true;
}

cl_int wait_ready(const Enqueue& how) {
  _cl_command_queue& queue = how.queue;
  if (queue.progress().lost()) return queue.context().report_lost();
  for (const cl_event event : how.waits) {
    if (event->wait() == CL_COMPLETE) continue;
    return queue.progress().lost() ? queue.context().report_lost() : CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  }
  Lane& lane = queue.lane();
  if (!lane.wait(lane.posted())) return queue.context().report_lost();
  queue.progress().settle();
  return CL_SUCCESS;
}

cl_int complete_now(const Enqueue& how, Nanoseconds started_ns) {
  if (how.event_out == nullptr) return CL_SUCCESS;
  *how.event_out =
      _cl_event::make_ended(how.queue, how.type, CL_COMPLETE, {started_ns, started_ns, started_ns, now_ns()});
  return CL_SUCCESS;
}

cl_int wait_posted(const Enqueue& how, const Posted& posted) {
  _cl_command_queue& queue = how.queue;
  if (posted.sequence == 0) return CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  Lane& lane = queue.lane();
  const bool ended = lane.out_of_order()
                         ? queue.progress().wait_until([&] { return lane.ended(posted.sequence, posted.slot); })
                         : lane.wait(posted.sequence);
  if (!ended) return queue.context().report_lost();
  const std::int32_t stage = posted.slot->stage.load(std::memory_order_acquire);
  queue.progress().settle();  // before the slot goes: a read looks at it
  if (posted.slot_at != wire::nowhere) queue.session().drop_event_slot(posted.slot_at);
  return stage < 0 ? error_of(static_cast<wire::Outcome>(stage)) : CL_SUCCESS;
}

cl_int keep_place(const Enqueue& how, bool blocking) {
  if (blocking && !how.queue.out_of_order()) {
    const cl_int error = wait_ready(how);
    return error == CL_SUCCESS ? complete_now(how, local_start(how)) : error;
  }
  if (ready_now(how)) return complete_now(how, local_start(how));
  wire::Marker marker;
  return carry_out(how, marker, blocking);
}

}  // namespace sluice::opencl
