// TenantListener: the socket at which programs ask for sessions. Everything that comes in here is hostile until
// checked.
//
// A caller that does not say what it wants within greeting_ns_max is dropped; one that breaks the protocol is refused;
// so is one whose user has callers_per_user_max connections already, and at twice as many it is dropped unread; when
// callers_max are connected in all, the one that has kept silent longest makes room. None of it can stall another
// caller.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "daemon/server/front/peer.h"
#include "daemon/server/runtime/blocking_tasks.h"
#include "daemon/server/runtime/event_loop.h"
#include "daemon/server/runtime/signal.h"
#include "wire/handshake.h"
#include "wire/transport/message_socket.h"

namespace sluice::server {

// A connected program.
struct Caller {
  std::uint64_t id = 0;
  wire::MessageSocket socket;
  Peer peer;
  wire::AttachRequest request;  // once it has asked
  bool asked = false;
  bool over_limit = false;  // one too many: refused once it has asked
  Watch watch;
  Timer deadline;
};

class TenantListener {
 public:
  static constexpr Nanoseconds greeting_ns_max = 5 * ns_per_s;
  static constexpr std::size_t callers_per_user_max = 64;
  static constexpr std::size_t callers_max = 1024;

  // The caller has said what it wants. To be answered by answer() or refuse(), now or later.
  Signal<Caller&> asks;
  // The caller has left before it was answered. It is gone after this.
  Signal<Caller&> left;

  // REQUIRES: both outlive this.
  TenantListener(EventLoop& loop, BlockingTasks& tasks) : loop_(loop), tasks_(tasks) {}
  TenantListener(const TenantListener&) = delete;
  TenantListener& operator=(const TenantListener&) = delete;

  // Programs can connect from now on, and wait.
  Status listen(const std::string& path, unsigned mode);
  // And are let in from now on.
  Status open();
  // Lets nobody in any more, and refuses who is there. REQUIRES: the handlers of `left` still live.
  void close();

  // Both end the connection; the caller is gone afterwards.
  // unavailable: it was not there any more to be answered.
  Status answer(Caller& caller, const wire::AttachReply& reply, const wire::DeviceTraits& traits,
                std::span<const int> fds);
  void refuse(Caller& caller, const Status& why);

  std::size_t callers() const { return callers_.size(); }

 private:
  void accept_some();
  bool accept_one();
  void pause();
  void admit(UniqueFd fd, Peer peer);
  void make_room();
  void on_readable(Caller& caller, std::uint32_t events);
  void drop(Caller& caller);
  void close_in_background(unsigned uid, std::vector<UniqueFd> fds);
  std::size_t callers_of(unsigned uid) const;

  EventLoop& loop_;
  BlockingTasks& tasks_;
  UniqueFd socket_;
  Watch watch_;
  Timer pause_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Caller>> callers_;  // by id: the oldest first
};

}  // namespace sluice::server
