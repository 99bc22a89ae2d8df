// A daemon of a test's own, in a process and a folder of its own, with fake workers; and programs that ask it for
// sessions.
#pragma once

#include <sys/types.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "daemon/server/runtime/config.h"
#include "wire/handshake.h"
#include "wire/transport/message_socket.h"

namespace sluice::test {

class PoolUnderTest {
 public:
  // Starts the daemon and waits until it lets programs in. `behaviour`: words of fake_worker.cpp.
  explicit PoolUnderTest(server::Config config = {}, const std::string& behaviour = "");
  ~PoolUnderTest();
  PoolUnderTest(const PoolUnderTest&) = delete;
  PoolUnderTest& operator=(const PoolUnderTest&) = delete;

  server::Config& config() { return config_; }  // of the next daemon
  void start_daemon();
  void kill_daemon();  // SIGKILL
  int stop_daemon();   // SIGTERM; the exit status
  pid_t daemon_pid() const { return daemon_; }
  void behave(const std::string& behaviour);  // of workers from now on

  std::string socket(const std::string& name) const { return folder_ + "/" + name + ".sock"; }
  const std::string& folder() const { return folder_; }

  nlohmann::json ask(const nlohmann::json& request) const;  // fails the test if there is no answer
  nlohmann::json sessions(bool ended = false) const;
  // Waits until there are so many live sessions; false after five seconds.
  bool wait_for_sessions(std::size_t count) const;
  bool wait_until(const std::function<bool()>& condition) const;
  // Fake workers of this pool that are alive.
  std::vector<pid_t> workers() const;

 private:
  void remove_groups() const;

  server::Config config_;
  std::string folder_;
  pid_t daemon_ = -1;
};

struct Wish {
  std::string tenant;
  std::uint32_t gpu_milli = 0;
  std::uint64_t memory_bytes = 0;
  std::string token = {};
};

wire::AttachRequest request_of(const Wish& wish);

// What this very process got by asking. The session lives for as long as `session` is open.
struct Granted {
  bool answered = false;  // false: the daemon closed the connection without a word
  wire::AttachReply reply;
  wire::DeviceTraits traits;
  UniqueFd control, arena, session, output;
};
Granted attach(const PoolUnderTest& pool, const Wish& wish = {});
Granted read_answer(const wire::MessageSocket& socket);

// A process of its own that asks for a session and then sleeps.
class Program {
 public:
  Program(const PoolUnderTest& pool, const Wish& wish = {});
  ~Program() { end(); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  bool granted() const { return granted_; }
  pid_t pid() const { return pid_; }
  void end();  // SIGKILL
  // Whether its session socket has been closed from the other side.
  bool lost() const;

 private:
  pid_t pid_ = -1;
  bool granted_ = false;
  UniqueFd session_;  // the child tells here when its session is lost
};

}  // namespace sluice::test
