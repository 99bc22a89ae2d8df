#include "shim/session.h"

#include <cstring>

#include "shim/callback_thread.h"
#include "shim/progress.h"

namespace sluice::shim {
namespace {

// An answer that grows each time it is asked for is a defect of the worker.
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
      arena_(std::move(connection.arena), beside_bytes_max(grant_, traits_), lost_),
      channel_(std::move(connection.channel)),
      doorbell_(connection.doorbell),
      worker_clock_(connection.worker_clock),
      output_(std::move(connection.output)),
      ring_(control_memory_.bytes(), doorbell_),
      progress_(std::make_unique<Progress>(*this)),
      callbacks_(std::make_unique<CallbackThread>(*this)) {
  const bool at_home = reinterpret_cast<std::uintptr_t>(arena_.at(0)) == grant_.arena_address;
  if (!at_home || control().arena_at_home.load(std::memory_order_acquire) == 0) traits_.shared_virtual_memory = 0;
}

Session::~Session() = default;

Result<Session*> Session::start(const wire::AttachReply& grant, wire::DeviceTraits traits, Connection connection) {
  // A session is never destroyed; until it has its thread it may still be.
  std::unique_ptr<Session> session(new Session(grant, std::move(traits), std::move(connection)));
  SLUICE_TRY(session->start_watching());
  return session.release();
}

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
  const auto data_at = wants_data ? arena_.allocate_answer(data_room) : std::optional<std::uint64_t>(0);
  std::uint64_t reply_at = wire::no_offset;
  wire::ReplySlot* reply = data_at ? arena_.make_reply(reply_at) : nullptr;
  if (reply == nullptr) {
    if (data_at && wants_data) arena_.release_answer(*data_at);
    return wire::Outcome::out_of_host_memory;
  }
  wire::CallHeader header;
  std::memcpy(&header, command.data(), sizeof header);
  header.reply_at = reply_at;
  header.data_at = *data_at;
  header.data_bytes = data_room;
  std::memcpy(command.data(), &header, sizeof header);
  // What a lost worker leaves is not used again: the session is over.
  if (!ring_.post(command) || !wire::wait_reply(*reply, lost_, doorbell_)) return wire::Outcome::device_lost;
  auto outcome = static_cast<wire::Outcome>(reply->outcome);
  const std::uint64_t needed = reply->data_bytes;
  if (needed > data_room) {
    data_room = needed;
    outcome = wire::Outcome::reply_too_small;
  } else if (wants_data) {
    data.assign(arena_.at(*data_at), arena_.at(*data_at) + needed);
  }
  if (wants_data) arena_.release_answer(*data_at);
  arena_.drop_reply(reply_at);
  return outcome;
}

}  // namespace sluice::shim
