// MemoryGrants: divides each tenant's memory limit among its sessions, to the byte.
//
// What a session may hold is what it was granted; the grants of a tenant never exceed its limit together. A tenant's
// first session is granted all of it. A later one asks, and what the others do not use is taken from them. A request is
// refused only if it does not fit beside what the others hold, or are adding, at one moment, whatever they do
// meanwhile.
//
// Sessions report what they hold, and may lie: what counts is never more than what was granted, so a lie harms the
// session's own tenant alone.
//
// Thread-safe: sessions are opened and closed on the main thread, and their requests answered on the LeaseScheduler's.
// A mutex is held for microseconds, and nothing is called under it but MemoryGrantor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/sessions/memory_grant.h"
#include "daemon/sessions/session_record.h"

namespace sluice::server {

class MemoryGrants {
 public:
  // `tenant`: the same for all sessions of one tenant, and no other's. A limit that differs from that of the tenant's
  // other sessions holds for all, as set_limit().
  // REQUIRES of this and take_over(): the binding is not open.
  void open(const BindingId& binding, const std::string& tenant, std::uint64_t limit_bytes,
            std::unique_ptr<MemoryGrantor> grantor);
  // A session of an earlier daemon, which had granted it `granted_bytes`. Until it has mapped the page of this one, its
  // grant stays as it is, and other sessions of its tenant that ask for what it has wait for that.
  void take_over(const BindingId& binding, const std::string& tenant, std::uint64_t limit_bytes,
                 std::unique_ptr<MemoryGrantor> grantor, std::uint64_t granted_bytes);
  // What it held is free for its tenant's others. Of a move's target: the session stays where it is.
  void close(const BindingId& binding);

  // The session moves: `target` makes its memory again, while `source` still has it. The two count once, and neither
  // may hold more than the session may. REQUIRES: `source` is open and no target, and has none; `target` is not open.
  void open_target(const BindingId& source, const BindingId& target, std::unique_ptr<MemoryGrantor> grantor);
  // The target holds the session's memory alone from now on, and the source is closed. REQUIRES: it is open as a
  // target.
  void commit_target(const BindingId& target);

  // Sessions of an earlier daemon are still to come: no wish is answered until release().
  void hold();
  void release();

  // What is held already stays, and nothing more is granted until it fits. Nothing happens to a tenant without
  // sessions.
  void set_limit(const std::string& tenant, std::uint64_t limit_bytes);
  // Answers the session's wish, if it has one. To be called when its worker kicks.
  void answer_request(const BindingId& binding);

  std::uint64_t held_by(const std::string& tenant) const;

 private:
  struct Tenant;
  struct Grantee {
    Tenant* tenant = nullptr;
    std::unique_ptr<MemoryGrantor> grantor;
    std::uint64_t granted_bytes = 0;
    std::uint64_t owed_bytes = 0;    // held under a higher grant than it has now: no more than that is believed
    std::uint64_t pinned_bytes = 0;  // granted to the wish `answered`, and perhaps not taken yet
    std::uint64_t answered = 0;
    bool current = true;
    // While it moves: the pages of the target, which is granted what the session may hold.
    std::unique_ptr<MemoryGrantor> target;
    std::uint64_t target_pinned_bytes = 0, target_answered = 0;

    // What it may hold under its grant, or holds from a higher one.
    std::uint64_t entitled_bytes() const { return granted_bytes > owed_bytes ? granted_bytes : owed_bytes; }
  };
  struct Tenant {
    std::string key;
    std::uint64_t limit_bytes = 0;
    std::map<BindingId, Grantee> grantees;
  };

  Grantee& add(const BindingId& binding, const std::string& tenant, std::uint64_t limit_bytes,
               std::unique_ptr<MemoryGrantor> grantor);
  static std::uint64_t held_of(const Grantee& session);
  static std::uint64_t counted_of(const Grantee& session);
  static std::uint64_t pinned_of(const Grantee& session);
  static std::uint64_t counted_beside(const Tenant& tenant, const Grantee* session);
  static void write_grant(Grantee& session, std::uint64_t bytes);
  static void entitle_target(Grantee& session);
  static void set_granted(Grantee& session, std::uint64_t bytes);
  static void lower(Grantee& session, std::uint64_t to_bytes);
  static void fit(Tenant& tenant);
  static bool within_limit(const Tenant& tenant);
  static bool make_room(Tenant& tenant, const Grantee& session, std::uint64_t bytes);
  static void answer(Tenant& tenant, Grantee& session);
  static void answer_target(Tenant& tenant, Grantee& session);
  void answer_all(Tenant& tenant);

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, std::unique_ptr<Tenant>> tenants_;
  std::map<BindingId, Tenant*> tenant_of_;
  std::map<BindingId, BindingId> source_of_;  // by a move's target
  bool holds_ = false;
};

}  // namespace sluice::server
