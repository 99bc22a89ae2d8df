#include "daemon/server/sessions/session_table.h"

#include <sys/epoll.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/contract.h"
#include "base/log.h"
#include "base/units.h"
#include "daemon/server/runtime/process_identity.h"
#include "daemon/server/sessions/arena_rule.h"

namespace sluice::server {
namespace {

// A worker that is told of its program's death gives all back at once; one that is stuck in a kernel, or does not read,
// is helped along.
constexpr Nanoseconds worker_patience_ns = 80 * ns_per_ms;
constexpr Nanoseconds books_every_ns = ns_per_s;  // so much of them may be lost with the daemon

std::string slice_text(const SessionRecord& record) {
  const std::string memory = format_bytes(record.limits.memory_bytes) + " of memory";
  const std::uint32_t milli = record.limits.gpu_milli;
  return milli > 0 ? format_milli_gpu(MilliGpu{milli}) + ", " + memory : memory;
}

// "device 0", or "devices 0 and 2".
std::string devices_text(const SessionRecord& record) {
  std::string text = record.bindings.size() == 1 ? "device " : "devices ";
  for (std::size_t i = 0; i < record.bindings.size(); ++i)
    text += (i == 0                            ? ""
             : i + 1 == record.bindings.size() ? " and "
                                               : ", ") +
            std::to_string(record.bindings[i].device);
  return text;
}

Usage usage_of(const LiveBinding& binding, const BindingMemory& memory) {
  Usage usage = metering::read_meter(memory.report_page().meter);
  usage.books = binding.account.books;
  return metering::after(binding.past, usage);
}

}  // namespace

std::string lease_key(const Tenant& tenant) { return std::to_string(tenant.key.id); }

Usage usage_of(const LiveSession& session) {
  Usage usage;
  for (std::size_t i = 0; i < session.bindings.size(); ++i)
    usage += usage_of(session.bindings[i], session.memory.bindings[i]);
  return usage;
}

Status SessionTable::open_lease(const LiveSession& session, const LiveBinding& binding, const BindingMemory& memory,
                                const Start& start) {
  LeaseScheduler::Opening opening;
  opening.binding = binding.id;
  opening.tenant = lease_key(*session.use.tenant);
  opening.name = session.use.tenant->key.name;
  opening.terms = session.use.tenant->terms;
  opening.lease = start.lease;
  opening.kick_fd = memory.kick.get();
  opening.meter = &memory.report_page().meter;
  opening.kicked = [&grants = grants_, id = binding.id] { grants.answer_request(id); };
  opening.evidence = evidence_(*binding.worker);
  opening.before = start.before;
  return leases_.open(opening);
}

void SessionTable::begin_books(LiveBinding& binding) {
  settle(binding);
  const Evidence evidence = evidence_(*binding.worker);
  if (build_cpu_ns_max_)
    binding.build_budget.emplace(*build_cpu_ns_max_, evidence.units, evidence.proof, binding.account);
}

Result<LiveSession*> SessionTable::add(const SessionRecord& record, const SliceUse& use,
                                       std::span<Worker* const> workers, SessionMemory memory,
                                       const std::vector<Start>& starts) {
  SLUICE_REQUIRE(workers.size() == record.bindings.size() && starts.size() == workers.size() &&
                 memory.bindings.size() == workers.size() && !sessions_.contains(record.session_id));
  auto session = std::make_unique<LiveSession>();
  session->record = record;
  session->use = use;
  session->memory = std::move(memory);
  for (std::size_t i = 0; i < workers.size(); ++i)
    session->bindings.push_back({{record.session_id, record.bindings[i].device}, workers[i], {}, starts[i].past, {}});
  for (std::size_t i = 0; i < workers.size(); ++i) {
    Status opened = open_lease(*session, session->bindings[i], session->memory.bindings[i], starts[i]);
    if (opened.ok()) continue;
    while (i-- > 0) (void)leases_.close(session->bindings[i].id);
    return opened;
  }
  for (LiveBinding& binding : session->bindings) begin_books(binding);
  began.raise(record.tenant_id);
  if (sessions_.empty()) next_books_ = loop_.at(now_ns() + books_every_ns, [this] { keep_books(); });
  arena_wait_ns_ = arena_look_ns;
  if (sessions_.empty()) arena_look_ = loop_.at(now_ns() + arena_look_ns, [this] { look_at_arenas(); });
  return sessions_.insert_or_assign(record.session_id, std::move(session)).first->second.get();
}

Result<LiveSession*> SessionTable::begin(const SessionRecord& record, const SliceUse& use,
                                         std::span<Worker* const> workers, SessionMemory memory, UniqueFd client) {
  std::vector<Start> starts;
  for (std::size_t i = 0; i < record.bindings.size(); ++i) {
    TermsPage& terms = memory.bindings[i].terms_page();
    ReportPage& report = memory.bindings[i].report_page();
    grants_.open({record.session_id, record.bindings[i].device}, lease_key(*use.tenant), use.tenant->slice.memory_bytes,
                 std::make_unique<PageMemoryGrantor>(terms, report));
    starts.push_back({LeaseGrantor(terms, report), {}, {}});
  }
  auto session = add(record, use, workers, std::move(memory), starts);
  if (!session.ok()) {
    for (const SessionBinding& binding : record.bindings) grants_.close({record.session_id, binding.device});
    return session.status();
  }
  session.value()->client = std::move(client);
  return session;
}

// ---- the books ----

void SessionTable::settle(LiveBinding& binding) {
  const metering::Account was = std::exchange(binding.account, leases_.settle_books(binding.id));
  if (was.books != binding.account.books || was.cpu_ns != binding.account.cpu_ns) note(binding);
}

void SessionTable::settle_books() {
  for (const auto& [id, session] : sessions_)
    for (LiveBinding& binding : session->bindings) settle(binding);
}

void SessionTable::note(const LiveBinding& binding) {
  const Status noted =
      folder_.record_account(binding.worker->number, binding.id.session_id, binding.account, binding.past);
  if (!noted.ok() && !note_failed_)
    log::warn("what sessions are charged would not survive this daemon: {}", noted.message());
  note_failed_ = !noted.ok();
}

void SessionTable::check_builds() {
  std::vector<LiveSession*> beyond;
  for (const auto& [id, session] : sessions_)
    for (LiveBinding& binding : session->bindings)
      if (binding.build_budget && !binding.build_budget->allows(binding.account)) beyond.push_back(session.get());
  for (LiveSession* session : beyond)
    dismiss(*session, "its builds took more processor time than they may (limits.build_s)");
}

// Unless it is ending already.
void SessionTable::dismiss(LiveSession& session, const std::string& reason) {
  for (const LiveBinding& binding : session.bindings)
    if (binding.worker->end_reason.empty()) pool_.dismiss(*binding.worker, reason);
}

void SessionTable::keep_books() {
  settle_books();
  check_builds();
  if (!sessions_.empty()) next_books_ = loop_.at(now_ns() + books_every_ns, [this] { keep_books(); });
}

// ---- moves ----

LiveSession* SessionTable::find(std::uint64_t id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

metering::Account SessionTable::account_of(const Worker& worker) const {
  const Evidence evidence = evidence_(worker);
  metering::Account account;
  if (evidence.cpu != nullptr) account.cpu_ns = evidence.cpu->cpu_ns().value_or(0);
  account.noted_ns = now_ns();
  return account;
}

// Until the commit the target has no file of charges: what one holds is all of the session's.
Status SessionTable::rebind(LiveSession& session, TargetBinding& target, const std::function<bool()>& commit) {
  SLUICE_REQUIRE(session.bindings.size() == 1 && target.worker != nullptr);
  LiveBinding& from = session.bindings.front();
  settle(from);
  LiveBinding to{target.id, target.worker, {}, {}, {}};
  const LeaseGrantor lease(target.memory.terms_page(), target.memory.report_page());
  SLUICE_TRY(open_lease(session, to, target.memory, {lease, target.before, {}}));
  if (!commit()) {
    (void)leases_.close(to.id);
    return Status(Code::unavailable, "it was given up meanwhile");
  }
  from.account = leases_.hand_over(from.id, to.id);
  to.past = usage_of(from, session.memory.bindings.front());
  grants_.commit_target(to.id);
  from = std::move(to);
  session.memory.bindings.front() = std::move(target.memory);
  session.record.bindings.front() = {from.id.device, from.worker->number};
  slices_.move(session.use, from.id.device);
  begin_books(from);
  note(from);
  return Status();
}

// ---- beginnings and ends ----

void SessionTable::go_live(LiveSession& session) {
  session.live = true;
  const SessionRecord& record = session.record;
  log::info("session {}: tenant {} (uid {}), {} (pid {}), {}, {}", record.session_id, record.tenant, record.client_uid,
            record.program, record.client_pid, devices_text(record), slice_text(record));
  watch_program(session);
}

void SessionTable::watch_program(LiveSession& session) {
  auto watched =
      loop_.watch(session.client.get(), EPOLLIN, [this, &session](std::uint32_t) { program_exited(session); });
  if (watched.ok()) session.client_watch = watched.take();
  else
    log::warn("session {}: {}; its worker alone watches the program", session.record.session_id,
              watched.status().message());
}

// By number and start time; one that died while no daemon was there ends its session now.
void SessionTable::find_program(LiveSession& session) {
  const SessionRecord& record = session.record;
  session.client = open_same_process(static_cast<pid_t>(record.client_pid), record.client_start_ticks);
  if (session.client.valid()) return watch_program(session);
  if (record.client_start_ticks != 0) return program_exited(session);
  log::warn("session {}: it is not known when its program started; its worker alone watches the program",
            record.session_id);
}

Status SessionTable::adopt(const SessionRecord& record, const SliceUse& use, Worker& worker, SessionMemory memory,
                           const TermsPage& terms_before, const metering::Account& before, const Usage& past) {
  SLUICE_REQUIRE(record.bindings.size() == 1);
  ids_.skip(record.session_id);
  const BindingId id{record.session_id, record.bindings.front().device};
  TermsPage& terms = memory.bindings.front().terms_page();
  ReportPage& report = memory.bindings.front().report_page();
  grants_.take_over(id, lease_key(*use.tenant), use.tenant->slice.memory_bytes,
                    std::make_unique<PageMemoryGrantor>(terms, report),
                    terms_before.memory_granted_bytes.load(std::memory_order_relaxed));
  Worker* const workers[] = {&worker};
  const auto session = add(record, use, workers, std::move(memory),
                           {{LeaseGrantor::take_over(terms, report, terms_before), before, past}});
  if (!session.ok()) {
    grants_.close(id);
    return session.status();
  }
  session.value()->live = true;
  log::info("session {}: taken over from the daemon before: tenant {} (uid {}), {} (pid {}), {}, {}", record.session_id,
            record.tenant, record.client_uid, record.program, record.client_pid, devices_text(record),
            slice_text(record));
  find_program(*session.value());
  return Status();
}

std::uint64_t SessionTable::launches_on(std::uint32_t device) const {
  std::uint64_t launches = 0;
  for (const auto& [id, session] : sessions_)
    for (std::size_t i = 0; i < session->bindings.size(); ++i)
      if (session->bindings[i].id.device == device)
        launches += read_meter(session->memory.bindings[i].report_page().meter).launches;
  return launches;
}

std::uint64_t SessionTable::held_by(const Tenant& tenant) const { return grants_.held_by(lease_key(tenant)); }

// While there are sessions. A page that is touched shows in st_blocks, in whichever process.
void SessionTable::look_at_arenas() {
  std::set<const Tenant*> tenants;
  for (const auto& [id, session] : sessions_) tenants.insert(session->use.tenant);
  arena_bytes_now_ = 0;
  for (const Tenant* tenant : tenants) look_at_arenas(*tenant);
  if (sessions_.empty()) return;
  // Seldom while nothing changes, so that idle sessions cost an idle daemon next to nothing. What a session touches
  // between two looks is bounded by its arena's size.
  const std::uint64_t seen = std::exchange(arena_bytes_seen_, arena_bytes_now_);
  arena_wait_ns_ = seen != arena_bytes_now_ ? arena_look_ns : std::min(2 * arena_wait_ns_, arena_look_ns_max);
  arena_look_ = loop_.at(now_ns() + arena_wait_ns_, [this] { look_at_arenas(); });
}

void SessionTable::look_at_arenas(const Tenant& tenant) {
  std::vector<ArenaUse> uses;
  for (const auto& [id, session] : sessions_)
    if (session->use.tenant == &tenant)
      if (const auto look = wire::look_at_memory(session->memory.arena.fd()); look.ok())
        uses.push_back({id, look.value().resident_bytes});
  for (const ArenaUse& use : uses) arena_bytes_now_ += use.resident_bytes;
  const auto excess = check_arenas(uses, tenant.slice.memory_bytes);
  if (!excess) {
    arenas_exceed_since_ns_.erase(tenant.key.id);
    return;
  }
  const Nanoseconds now = now_ns();
  const Nanoseconds since = arenas_exceed_since_ns_.emplace(tenant.key.id, now).first->second;
  if (!excess->at_once && now - since < arena_patience_ns) return;
  dismiss(*sessions_.at(excess->session_id), excess->reason);
}

void SessionTable::end_overdue() {
  for (const Overdue& overdue : leases_.take_overdue()) {
    const auto found = sessions_.find(overdue.binding.session_id);
    if (found == sessions_.end()) continue;
    dismiss(*found->second, "a command of it ran for " + format_duration(overdue.waited_ns) +
                                " after others had asked for the device (limits.command_s)");
  }
}

void SessionTable::program_exited(LiveSession& session) {
  session.client_watch.reset();
  for (const LiveBinding& binding : session.bindings) pool_.tell_program_gone(*binding.worker);
  session.patience = loop_.at(now_ns() + worker_patience_ns, [this, &session] {
    for (const LiveBinding& binding : session.bindings) pool_.end(*binding.worker, "the program has gone");
  });
}

void SessionTable::close_binding(LiveBinding& binding) {
  binding.account = leases_.close(binding.id);
  grants_.close(binding.id);
}

void SessionTable::end(Worker& worker, const std::string& reason) {
  const LiveSession* ending = of(worker);
  if (ending == nullptr) return;
  const auto node = sessions_.extract(ending->record.session_id);
  LiveSession& session = *node.mapped();
  for (LiveBinding& binding : session.bindings) {
    close_binding(binding);
    if (binding.worker != &worker) pool_.end(*binding.worker, reason);
  }
  if (session.live) remember(session, reason);
  slices_.release(session.use);
  ended.raise(session.record.tenant_id);
  // Closing the last descriptor of an arena waits for its pages to be freed.
  tasks_.run(BlockingTasks::no_user,
             [memory = std::make_shared<SessionMemory>(std::move(session.memory))] { (void)memory; });
}

const LiveSession* SessionTable::of(const Worker& worker) const {
  for (const auto& [id, session] : sessions_)
    for (const LiveBinding& binding : session->bindings)
      if (binding.worker == &worker) return session.get();
  return nullptr;
}

void SessionTable::remember(const LiveSession& session, const std::string& reason) {
  const Usage usage = usage_of(session);
  const std::uint64_t now = unix_now_ns();
  const std::uint64_t started = session.record.started_unix_ns;
  log::info(
      "session {} ended after {}: {}; charged {} of device time ({} reported) and {} of build, {} launches, {} in, {} "
      "out, peak {}",
      session.record.session_id, format_duration(now > started ? now - started : 0), reason,
      format_duration(usage.books.charged_ns), format_duration(usage.books.measured_ns),
      format_duration(usage.books.build_ns), usage.launches, format_bytes(usage.bytes_in),
      format_bytes(usage.bytes_out), format_bytes(usage.memory_peak_bytes));
  ended_.push_front({session.record, usage, now, reason});
  if (ended_.size() > ended_sessions_max) ended_.pop_back();
}

void SessionTable::remember_lost(const std::vector<LostSession>& lost) {
  for (const LostSession& session : lost) {
    Usage usage;
    usage.books = session.account.books;
    usage.device_ns = usage.books.measured_ns;
    ended_.push_front(
        {session.record, metering::after(session.past, usage), unix_now_ns(), "it ended while no daemon lived"});
    if (ended_.size() > ended_sessions_max) ended_.pop_back();
  }
}

}  // namespace sluice::server
