#include "daemon/worker/builder.h"

#include <algorithm>
#include <cstring>

#include "daemon/worker/tsan_annotations.h"

namespace sluice::worker {
namespace {

std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool ReplyPlace::answer(Outcome outcome, std::string_view data) const {
  if (slot == nullptr) return true;
  const ProgramWriteScope guard;
  const bool fits = data.size() <= room.size();
  if (fits && !data.empty()) std::memcpy(room.data(), data.data(), data.size());
  wire::publish_reply(*slot, fits ? outcome : Outcome::reply_too_small, data.size(), doorbell);
  return fits;
}

Builder::~Builder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Builder::add(Task task, const ReplyPlace& place) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= tasks_max) {
      place.answer(Outcome::out_of_resources);
      return;
    }
    tasks_.push_back(std::move(task));
    if (idle_threads_ < tasks_.size() && threads_.size() < threads_max) threads_.emplace_back([this] { run(); });
  }
  changed_.notify_one();
}

bool Builder::idle() {
  const std::lock_guard lock(mutex_);
  return tasks_.empty() && idle_threads_ == threads_.size();
}

void Builder::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_threads_;
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    --idle_threads_;
    if (stopping_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    if (gate_ != nullptr) gate_->begin_compile();
    task();
    task = nullptr;  // may drop the last hold on a program: not under the lock
    if (gate_ != nullptr) gate_->end_compile();
    lock.lock();
  }
}

void Builder::build(std::shared_ptr<ProgramSlot> slot, std::shared_ptr<const wire::BuildRequest> request,
                    std::vector<std::shared_ptr<ProgramSlot>> inputs, const ReplyPlace& place) {
  add(
      [this, slot = std::move(slot), request = std::move(request), inputs = std::move(inputs), place] {
        std::vector<backend::Program*> programs;
        for (const auto& input : inputs) programs.push_back(input->program.get());
        const wire::BuildReply reply = build_watched(*request, programs, *slot);
        wire::Encoder encoder;
        encode(encoder, reply);
        const std::string_view answer = text_of(encoder.bytes());
        const bool kept = place.slot == nullptr || answer.size() <= place.room.size() || keep(*slot, answer);
        slot->built.store(true, std::memory_order_release);  // pairs with ProgramEntry::program, deliver_again
        if (kept) place.answer(Outcome::ok, answer);
        else place.answer(Outcome::out_of_host_memory);
      },
      place);
}

wire::BuildReply Builder::build_watched(const wire::BuildRequest& request, std::span<backend::Program* const> inputs,
                                        ProgramSlot& slot) {
  if (watch_ != nullptr) watch_->begin();
  wire::BuildReply reply = device_.build(request, inputs, slot.program);
  if (watch_ != nullptr) watch_->end();
  return reply;
}

// For the call that comes again with enough room. False: there is no room for it here.
bool Builder::keep(ProgramSlot& slot, std::string_view answer) {
  auto charge = budget_.charge(answer.size());
  if (!charge) return false;
  slot.answer_charge = std::move(*charge);
  slot.undelivered = answer;
  return true;
}

bool Builder::deliver_again(ProgramSlot& slot, const ReplyPlace& place) {
  if (!slot.built.load(std::memory_order_acquire) || slot.undelivered.empty()) return false;
  if (place.answer(Outcome::ok, slot.undelivered)) {
    std::string().swap(slot.undelivered);
    slot.answer_charge.reset();
  }
  return true;
}

void Builder::fetch_binary(std::shared_ptr<ProgramSlot> slot, const ReplyPlace& place) {
  add(
      [this, slot = std::move(slot), place] {
        std::string bytes;
        const Outcome outcome = device_.binary(*slot->program, bytes);
        place.answer(outcome, bytes);
      },
      place);
}

}  // namespace sluice::worker
