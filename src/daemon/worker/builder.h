// Builder: builds programs away from the command thread, several at a time, and answers each call itself.
//
// Threads are started as needed and sleep without a timeout. A build whose answer does not fit the room that the
// program gave is not repeated: the answer is kept for the call that comes again with enough room.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/backends/backend.h"
#include "daemon/metering/build_budget.h"
#include "daemon/worker/build_watch.h"
#include "daemon/worker/gate.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/object_table.h"
#include "wire/kernel_traits.h"
#include "wire/timeline.h"

namespace sluice::worker {

// Where a call's answer goes, and how the program is woken for it. Checked: slot and room lie inside the arena.
struct ReplyPlace {
  wire::ReplySlot* slot = nullptr;  // null: nobody waits for an answer
  std::span<std::byte> room;
  wire::Doorbell doorbell;

  // Writes the answer if it fits, and says how long it is either way. False: it did not fit.
  bool answer(Outcome outcome, std::string_view data = {}) const;
};

class Builder {
 public:
  static constexpr std::size_t threads_max = metering::build_threads_max;
  static constexpr std::size_t tasks_max = 1024;

  // `device` outlives the builder, and so do `watch` and `gate`, if not null: both are told when builds begin and end.
  // bytes_max: of what programs are made of, and of answers that wait to be fetched.
  explicit Builder(backend::Device& device, std::uint64_t bytes_max = HostLimits().programs,
                   BuildWatch* watch = nullptr, Gate* gate = nullptr)
      : device_(device), watch_(watch), gate_(gate), budget_(bytes_max) {}
  // Waits for the builds that have begun; those that have not are forgotten.
  ~Builder();

  // For a program whose source, or what else it is made of, has so many bytes. Nothing: there is no room for it.
  std::optional<HostCharge> charge(std::uint64_t bytes) { return budget_.charge(bytes); }

  // Nothing is being built, and every call was answered. The command thread's.
  bool idle();

  // Both answer `place`, now or later.
  void build(std::shared_ptr<ProgramSlot> slot, std::shared_ptr<const wire::BuildRequest> request,
             std::vector<std::shared_ptr<ProgramSlot>> inputs, const ReplyPlace& place);
  void fetch_binary(std::shared_ptr<ProgramSlot> slot, const ReplyPlace& place);

  // An answer that could not be delivered elsewhere. False: there is no room for it.
  bool keep(ProgramSlot& slot, std::string_view answer);

  // The undelivered answer of an earlier build of this slot. False: there is none.
  static bool deliver_again(ProgramSlot& slot, const ReplyPlace& place);

 private:
  using Task = std::function<void()>;
  void add(Task task, const ReplyPlace& place);
  void run();

  wire::BuildReply build_watched(const wire::BuildRequest& request, std::span<backend::Program* const> inputs,
                                 ProgramSlot& slot);

  backend::Device& device_;
  BuildWatch* const watch_;
  Gate* const gate_;
  HostBudget budget_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;  // guarded by mutex_, and so is what follows
  std::size_t idle_threads_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::worker
