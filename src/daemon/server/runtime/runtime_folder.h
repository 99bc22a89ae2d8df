// RuntimeFolder: the pool's folders, who may own them, and what lies where.
//
//   <runtime>/sluiced.lock    locked (fcntl(2)): one daemon per folder
//   <runtime>/tenant.sock, admin.sock
//   <runtime>/workers/7       of worker 7, which itself cannot see it:
//       adoption.sock         where a new daemon calls on it once it has a session
//   <runtime>/workers/7.life  who worker 7 is (pid, start time, boot): how a new daemon tells a living worker's folder
//                             from a dead one's
//   <runtime>/workers/7.session its SessionNote, once it has one: what it says to a new daemon is compared with this.
//   <runtime>/workers/7.charges what its session has been charged, written anew about once a second; of a session that
//                             moved, with what it used before. The target of a move has none before the commit.
//                             All lie beside the folder, where the jailed worker cannot write.
//   <cache>/                  see tenant_cache.h
//   <state>/session-ids       the first session id that was never given out
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/install_paths.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/metering/usage.h"
#include "daemon/server/runtime/process.h"
#include "daemon/sessions/worker_link.h"

namespace sluice::server {

// A worker of an earlier daemon that is still alive.
struct LivingWorker {
  std::uint32_t number = 0;
  Process process;
  std::optional<SessionNote> session;  // absent: it had none, or
  Status unreadable;                   // not ok: why its note cannot be read
  metering::Account account;           // where the session's books ended; all zero: nothing was noted
  metering::Usage past;                // of the session on devices that it moved away from
};

// A session of an earlier daemon whose worker ended while no daemon lived.
struct LostSession {
  SessionRecord record;
  metering::Account account;  // as it was noted last; all zero: nothing was noted
  metering::Usage past;       // on devices that it moved away from
};

class RuntimeFolder {
 public:
  // Makes what is missing, checks that nobody else can write to it, takes the lock.
  // everyone: other users' programs must reach tenant.sock.
  // unavailable: another daemon holds the lock; the message names it.
  static Result<RuntimeFolder> open(const PoolFolders& folders, bool everyone);

  const std::string& path() const { return folders_.runtime; }
  std::string tenant_socket() const { return folders_.runtime + "/tenant.sock"; }
  std::string admin_socket() const { return folders_.runtime + "/admin.sock"; }
  std::string session_ids() const { return folders_.state + "/session-ids"; }
  const std::string& cache() const { return folders_.cache; }
  std::string registry() const { return folders_.state + "/sluice.db"; }

  // ---- workers' folders ----
  std::string worker_folder(std::uint32_t number) const;
  std::string adoption_socket(std::uint32_t number) const { return worker_folder(number) + "/adoption.sock"; }
  Status make_worker_folder(std::uint32_t number) const;
  // Writes the worker's .life file, and its .session file.
  Status record_life(std::uint32_t number, pid_t pid) const;
  Status record_session(std::uint32_t number, const SessionNote& note) const;
  // Replaces the worker's .charges file, atomically.
  Status record_account(std::uint32_t number, std::uint64_t session_id, const metering::Account& account,
                        const metering::Usage& past = {}) const;
  // The removal as work to be run elsewhere: it may take long, and owns all it needs.
  std::function<void()> worker_folder_removal(std::uint32_t number) const;
  // To be called before sweep(), which removes what these sessions' workers have left. A session that was moving is
  // lost if neither worker lives, and is told once.
  std::vector<LostSession> lost_sessions() const;
  // Looks through workers/ once, at start: returns who lives, removes what the dead left, and says in `number_max`
  // which number is the highest in use.
  std::vector<LivingWorker> sweep(std::uint32_t& number_max) const;

  void remove_sockets() const;

 private:
  Status take_lock();

  PoolFolders folders_;
  UniqueFd lock_;
};

}  // namespace sluice::server
