#include "shim/session.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "shim/progress.h"

namespace sluice::shim {
namespace {

constexpr std::size_t watch_stack_bytes = 64 * 1024;
constexpr std::uint64_t slot_bytes = 64;
// Released memory that may stay resident, to be used again without page faults.
// An answer that grows each time it is asked for is somebody's mistake.
constexpr int call_tries_max = 3;

// Where buffers are not in the arena, what maps and transfers need lies within the grant, too.
std::uint64_t beside_bytes_max(const wire::AttachReply& grant, const wire::DeviceTraits& traits) {
  return wire::arena_beside_bytes_max + (traits.buffers_in_arena ? 0 : grant.memory_bytes);
}

}  // namespace

Session::Session(const wire::AttachReply& grant, wire::DeviceTraits traits, Connection connection)
    : grant_(grant),
      traits_(std::move(traits)),
      control_memory_(std::move(connection.control)),
      arena_(std::move(connection.arena)),
      channel_(std::move(connection.channel)),
      doorbell_(connection.doorbell),
      worker_clock_(connection.worker_clock),
      output_(std::move(connection.output)),
      allocator_(arena_.size(), beside_bytes_max(grant_, traits_)) {
  ring_.emplace(control_memory_.bytes(), doorbell_);
  progress_ = std::make_unique<Progress>(*this);
  const bool at_home = reinterpret_cast<std::uintptr_t>(arena_.data()) == grant_.arena_address;
  if (!at_home || ring_->control().arena_at_home.load(std::memory_order_acquire) == 0)
    traits_.shared_virtual_memory = 0;
}

Session::~Session() = default;

Result<Session*> Session::start(const wire::AttachReply& grant, wire::DeviceTraits traits, Connection connection) {
  // A session is never destroyed; until it has its thread it may still be.
  std::unique_ptr<Session> session(new Session(grant, std::move(traits), std::move(connection)));
  SLUICE_TRY(session->start_watching());
  return session.release();
}

// ---- the worker's death ----

Status Session::start_watching() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const auto run = [](void* session) -> void* {
    static_cast<Session*>(session)->watch_worker();
    return nullptr;
  };
  // The program's signals are for the program's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_setstacksize(&attributes, watch_stack_bytes);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, run, this);
  if (error == EINVAL) {  // a program with much thread-local storage needs larger stacks
    pthread_attr_setstacksize(&attributes, 16 * watch_stack_bytes);
    error = pthread_create(&thread, &attributes, run, this);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error == 0 ? Status() : errno_status("start the session's thread", error);
}

void Session::lose() {
  lost_.store(true, std::memory_order_seq_cst);
  ring_->stop();
  {
    std::lock_guard lock(books_);
    for (const std::uint64_t at : timelines_) wire::wake_waiters(*slot_at<wire::TimelineSlot>(at), doorbell_);
    for (const std::uint64_t at : replies_) wire::lose_reply(*slot_at<wire::ReplySlot>(at), doorbell_);
  }
  wire::wake_waiters(control(), doorbell_);
}

void Session::abandon() {
  lost_.store(true, std::memory_order_seq_cst);
  channel_->close();  // or the worker would not notice the parent's death for as long as the child lives
  output_.reset();    // what kernels print is the parent's
}

// ---- calls ----

Answer Session::call_bytes(std::span<std::byte> command, std::size_t data_room) {
  Answer answer;
  for (int tries = 0; tries < call_tries_max; ++tries) {
    answer.outcome = call_once(command, data_room, answer.data);
    if (answer.outcome != wire::Outcome::reply_too_small) return answer;
  }
  answer.outcome = wire::Outcome::internal;
  return answer;
}

// If the room was too small: raises data_room to what is needed, and returns reply_too_small.
wire::Outcome Session::call_once(std::span<std::byte> command, std::size_t& data_room, std::vector<std::byte>& data) {
  if (lost()) return wire::Outcome::device_lost;
  const bool wants_data = data_room > 0;
  const auto data_at = wants_data ? allocate_in_turn(data_room, 1) : std::optional<std::uint64_t>(0);
  const auto reply_at = data_at ? make_slot() : std::nullopt;
  if (!reply_at) {
    if (data_at && wants_data) release_answer(*data_at);
    return wire::Outcome::out_of_host_memory;
  }
  auto* reply = slot_at<wire::ReplySlot>(*reply_at);
  note(replies_, *reply_at, true);
  wire::CallHeader header;
  std::memcpy(&header, command.data(), sizeof header);
  header.reply_at = *reply_at;
  header.data_at = *data_at;
  header.data_bytes = data_room;
  std::memcpy(command.data(), &header, sizeof header);
  // What a lost worker leaves is not used again: the session is over.
  if (!ring_->post(command) || !wire::wait_reply(*reply, lost_, doorbell_)) return wire::Outcome::device_lost;
  auto outcome = static_cast<wire::Outcome>(reply->outcome);
  const std::uint64_t needed = reply->data_bytes;
  if (needed > data_room) {
    data_room = needed;
    outcome = wire::Outcome::reply_too_small;
  } else if (wants_data) {
    data.assign(arena_at(*data_at), arena_at(*data_at) + needed);
  }
  if (wants_data) release_answer(*data_at);
  note(replies_, *reply_at, false);
  drop_slot(*reply_at);
  return outcome;
}

// What lies beside objects in the arena is bounded, and many threads that build at once want more than that. Whoever
// has room for an answer has posted its call, or is about to, and gives it back; so there is an end to waiting for
// those, and with none of them there is nobody to wait for.
std::optional<std::uint64_t> Session::allocate_in_turn(std::uint64_t bytes, std::size_t answers) {
  constexpr std::chrono::milliseconds look_again(100);  // transfers give room back, too, and say nothing
  std::unique_lock lock(turns_);
  for (;;) {
    const auto at = allocate(bytes);
    if (at) answers_ += answers;
    if (at || answers_ == 0 || lost()) return at;
    answer_released_.wait_for(lock, look_again);
  }
}

std::optional<std::uint64_t> Session::allocate_in_turn(std::uint64_t bytes) { return allocate_in_turn(bytes, 0); }

void Session::release_answer(std::uint64_t at) {
  release(at);
  {
    const std::lock_guard lock(turns_);
    --answers_;
  }
  answer_released_.notify_all();
}

// ---- the arena ----

std::optional<std::uint64_t> Session::place_of(const void* memory, std::size_t bytes) const {
  const auto at = reinterpret_cast<std::uintptr_t>(memory), first = reinterpret_cast<std::uintptr_t>(arena_.data());
  if (at < first || at - first > arena_.size() || bytes > arena_.size() - (at - first)) return std::nullopt;
  return at - first;
}

std::optional<std::uint64_t> Session::allocate(std::uint64_t bytes, wire::ArenaAllocator::Use use) {
  if (lost() || bytes == 0) return std::nullopt;
  std::lock_guard lock(books_);
  const std::uint64_t used_before = allocator_.used_bytes();
  const auto at = allocator_.allocate(bytes, use);
  const std::uint64_t taken = allocator_.used_bytes() - used_before;
  // Best fit finds recycled memory first, so it is taken to be such for as long as there is some.
  idle_resident_bytes_ -= std::min(idle_resident_bytes_, taken);
  return at;
}

void Session::release(std::uint64_t at) {
  if (lost()) return;
  std::lock_guard lock(books_);
  const std::uint64_t used_before = allocator_.used_bytes();
  const auto [gap_at, gap_bytes] = allocator_.release(at);
  idle_resident_bytes_ += used_before - allocator_.used_bytes();
  if (idle_resident_bytes_ <= wire::arena_idle_bytes_max) return;
  const std::uint64_t first = (gap_at + wire::page_bytes - 1) / wire::page_bytes * wire::page_bytes;
  const std::uint64_t end = (gap_at + gap_bytes) / wire::page_bytes * wire::page_bytes;
  if (end <= first) return;
  arena_.discard(first, end - first);
  idle_resident_bytes_ -= std::min(idle_resident_bytes_, end - first);
}

std::optional<std::uint64_t> Session::make_slot() {
  if (lost()) return std::nullopt;
  std::lock_guard lock(books_);
  if (free_slots_.empty()) {
    const auto page = allocator_.allocate(wire::page_bytes);
    if (!page) return std::nullopt;
    for (std::uint64_t at = *page + wire::page_bytes; at > *page; at -= slot_bytes)
      free_slots_.push_back(at - slot_bytes);
  }
  const std::uint64_t at = free_slots_.back();
  free_slots_.pop_back();
  std::memset(arena_at(at), 0, slot_bytes);
  return at;
}

void Session::drop_slot(std::uint64_t at) {
  if (lost()) return;
  std::lock_guard lock(books_);
  free_slots_.push_back(at);
}

void Session::note(std::unordered_set<std::uint64_t>& slots, std::uint64_t at, bool in_use) {
  std::lock_guard lock(books_);
  if (in_use) slots.insert(at);
  else slots.erase(at);
}

wire::TimelineSlot* Session::make_timeline(std::uint64_t& at) {
  const auto slot = make_slot();
  if (!slot) return nullptr;
  at = *slot;
  note(timelines_, at, true);
  return slot_at<wire::TimelineSlot>(at);
}

void Session::drop_timeline(std::uint64_t at) {
  if (lost()) return;
  note(timelines_, at, false);
  drop_slot(at);
}

wire::EventSlot* Session::make_event_slot(std::uint64_t& at) {
  const auto slot = make_slot();
  if (!slot) return nullptr;
  at = *slot;
  return slot_at<wire::EventSlot>(at);
}

void Session::drop_event_slot(std::uint64_t at) { drop_slot(at); }

}  // namespace sluice::shim
