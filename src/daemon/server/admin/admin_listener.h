// AdminListener: the socket at which the pool's owner asks what is going on. The protocol is docs/ADMIN-PROTOCOL.md:
// one JSON object on a line, one on a line back.
//
// Only root and the daemon's own user are answered, by the kernel's word about who connected: the socket's mode (0600)
// is not relied on. Still, a client that is slow or silent stalls nobody: nothing blocks, an answer waits for at most
// answer_ns_max to be read, and clients_max are connected at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/server/front/refusal_log.h"
#include "daemon/server/runtime/event_loop.h"

namespace sluice::server {

class AdminListener {
 public:
  static constexpr Nanoseconds request_ns_max = 5 * ns_per_s;
  static constexpr Nanoseconds answer_ns_max = 10 * ns_per_s;
  static constexpr std::size_t request_bytes_max = 1 << 20;  // a whole file of tenants
  static constexpr std::size_t clients_max = 32;

  // Answers a request; called from the loop.
  using Answer = std::function<Result<nlohmann::json>(const nlohmann::json& request)>;

  // REQUIRES: the loop outlives this object.
  AdminListener(EventLoop& loop, Answer answer) : loop_(loop), answer_(std::move(answer)) {}
  AdminListener(const AdminListener&) = delete;
  AdminListener& operator=(const AdminListener&) = delete;

  Status open(const std::string& path);
  void close();

 private:
  struct Client {
    UniqueFd socket;
    std::string in, out;
    Watch watch;
    Timer deadline;
  };
  void accept_one();
  void on_readable(std::uint64_t id);
  void answer(std::uint64_t id, const std::string& line);
  void write_on(std::uint64_t id);

  EventLoop& loop_;
  Answer answer_;
  UniqueFd socket_;
  Watch watch_;
  std::map<std::uint64_t, Client> clients_;
  std::uint64_t next_id_ = 1;
  RefusalLog refusals_;
};

}  // namespace sluice::server
