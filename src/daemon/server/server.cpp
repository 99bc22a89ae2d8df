#include "daemon/server/server.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/contract.h"
#include "base/log.h"
#include "daemon/server/admin/move_admin.h"

namespace sluice::server {
namespace {

constexpr Nanoseconds stop_ns_max = 3 * ns_per_s;
constexpr Nanoseconds tidy_ns_max = 2 * ns_per_s;
constexpr int exit_failed = 1;
constexpr int hand_over_signal = SIGUSR1;  // sluiced.service has it as RestartKillSignal=

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, hand_over_signal);
  return signals;
}

AdmissionRules rules_of(const ServerOptions& options) {
  const Config& config = options.config;
  return {config.sessions_max,     config.sessions_per_tenant_max,
          config.memory_max_bytes, config.default_memory_bytes,
          config.default_gpu,      config.share_uid.value_or(options.user_pool)};
}

IdentityRules identity_rules(const ServerOptions& options) {
  return {options.config.anonymous_tenant, options.config.ad_hoc_tenants.value_or(options.user_pool)};
}

store::TenantRecord tenant_defaults(const Config& config) {
  store::TenantRecord defaults;
  defaults.terms.guarantee = config.default_gpu;
  defaults.memory_bytes = config.default_memory_bytes.value_or(0);
  defaults.sessions_max = config.sessions_per_tenant_max;
  return defaults;
}

CacheJanitor::Rules cache_rules(const Config& config, const RuntimeFolder& folder) {
  CacheJanitor::Rules rules;
  rules.folder = folder.cache();
  rules.tenant_bytes_max = config.cache_tenant_bytes_max.value_or(rules.tenant_bytes_max);
  rules.disk_free_min_percent = config.cache_disk_free_min_percent;
  return rules;
}

WorkerPool::Settings pool_settings(const Config& config) {
  return {config.workers_ready, std::max(2u, std::thread::hardware_concurrency()), config.start_timeout_s * ns_per_s};
}

LeaseScheduler::Settings lease_settings(const Config& config) {
  LeaseScheduler::Settings settings;
  settings.overdue_ns = config.command_s * ns_per_s;
  return settings;
}

std::optional<Nanoseconds> build_limit(const Config& config) {
  if (config.jail_without.has(Fence::budgets)) return std::nullopt;
  return config.build_s * ns_per_s;
}

bool asks_for(const nlohmann::json& request, const char* name) {
  const auto field = request.find(name);
  return field != request.end() && field->is_boolean() && field->get<bool>();
}

// Of the calling thread.
bool blocked(const sigset_t& signals) {
  sigset_t now{};
  (void)pthread_sigmask(SIG_BLOCK, nullptr, &now);
  for (int number = 1; number < NSIG; ++number)
    if (sigismember(&signals, number) == 1 && sigismember(&now, number) != 1) return false;
  return true;
}

}  // namespace

void block_stop_signals() {
  const sigset_t signals = stop_signals();
  (void)pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Result<std::unique_ptr<Server>> Server::create(ServerOptions options) {
  auto folder = SLUICE_TRY(RuntimeFolder::open(options.folders, !options.user_pool));
  auto groups = SLUICE_TRY(WorkerGroups::open(options.config, folder.path()));
  auto registry = SLUICE_TRY(store::Registry::open(folder.registry()));
  std::unique_ptr<Server> server(
      new Server(std::move(options), std::move(folder), std::move(groups), std::move(registry)));
  SLUICE_TRY(server->loop_.open());
  SLUICE_TRY(server->start_leases());
  if (Status opened = server->cache_.open(server->registry_.pool_id(), server->registry_.list().ids()); !opened.ok())
    log::warn("the cache of builds cannot be put in order: {}", opened.message());
  server->janitor_.start();
  return server;
}

Server::Server(ServerOptions options, RuntimeFolder folder, WorkerGroups groups, store::Registry registry)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      started_unix_ns_(unix_now_ns()),
      ids_(folder_.session_ids()),
      groups_(std::move(groups)),
      launcher_(options_.jailer_program, options_.worker_program, folder_, groups_, options_.config),
      pool_(loop_, launcher_, tasks_, pool_settings(options_.config)),
      registry_(std::move(registry)),
      cache_(folder_.cache(), launcher_.cache_owner()),
      janitor_(cache_rules(options_.config, folder_)),
      slices_(devices_, rules_of(options_)),
      leases_(lease_settings(options_.config)),
      identification_(registry_, slices_, identity_rules(options_)),
      sessions_(
          loop_, tasks_, folder_, slices_, pool_, ids_, leases_, grants_,
          [this](const Worker& worker) {
            return evidence_of(worker.group, worker.process.pid, devices_.find(worker.device)->traits,
                               options_.config.jail_without);
          },
          build_limit(options_.config)),
      mover_({loop_, folder_, cache_, devices_, pool_, sessions_, grants_, options_.config.jail_without}, slices_),
      tenant_listener_(loop_, tasks_),
      opener_(loop_, folder_, cache_, devices_, identification_, slices_, pool_, sessions_, tenant_listener_,
              options_.config.jail_without, {options_.config.attach_per_s, options_.config.workers_ready}),
      adoption_(loop_, folder_, tasks_, slices_, pool_, sessions_, grants_, registry_, devices_,
                options_.config.jail_without),
      tenant_admin_(registry_, slices_, sessions_, pool_, opener_, tenant_defaults(options_.config)),
      admin_(loop_, [this](const nlohmann::json& request) { return answer(request); }),
      inventory_(loop_, launcher_, tasks_),
      watch_(loop_, launcher_, tasks_, devices_, pool_,
             {options_.config.probe_s * ns_per_s, options_.config.start_timeout_s * ns_per_s},
             [this](std::uint32_t device) { return sessions_.launches_on(device); }) {
  cache_.withhold_while([this] { return janitor_.disk_is_full(); });
  connect_signals();
}

void Server::connect_workers() {
  pool_.ready.connect([this](std::uint32_t device) {
    watch_.worker_started(device);
    opener_.worker_ready(device);
    mover_.worker_ready(device);
  });
  pool_.start_failed.connect(
      [this](std::uint32_t device, const std::string& why) { watch_.start_failed(device, why); });
  pool_.crashed.connect([this](std::uint32_t device, const std::string& how) { watch_.worker_crashed(device, how); });
  pool_.attached.connect([this](Worker& worker) { opener_.worker_attached(worker); });
  pool_.prepared.connect([this](Worker& worker) { mover_.worker_prepared(worker); });
  pool_.moved.connect([this](Worker& worker, const MoveReport& report) { mover_.worker_moved(worker, report); });
  pool_.kept.connect([this](Worker& worker, const std::string& why) { mover_.worker_kept(worker, why); });
  pool_.released.connect([this](Worker& worker, const std::string& why) {
    mover_.worker_released(worker, why);
    opener_.worker_released(worker, why);
  });
  pool_.gone.connect([this](Worker& worker, const std::string& why) {
    mover_.worker_gone(worker, why);
    opener_.worker_gone(worker, why);
  });
}

void Server::connect_signals() {
  connect_workers();
  tenant_listener_.asks.connect([this](Caller& caller) { opener_.caller_asks(caller); });
  tenant_listener_.left.connect([this](Caller& caller) { opener_.caller_left(caller); });
  sessions_.began.connect([this](std::uint64_t tenant) { janitor_.session_changed(tenant, true); });
  sessions_.ended.connect([this](std::uint64_t tenant) { janitor_.session_changed(tenant, false); });
  slices_.terms_changed.connect([this](const Tenant& tenant) { terms_changed(tenant); });
  identification_.removed.connect([this](std::uint64_t tenant) { janitor_.tenant_removed(tenant); });
  tenant_admin_.removed.connect([this](std::uint64_t tenant) { janitor_.tenant_removed(tenant); });
}

void Server::terms_changed(const Tenant& tenant) {
  leases_.set_terms(lease_key(tenant), tenant.terms);
  grants_.set_limit(lease_key(tenant), tenant.slice.memory_bytes);
  for (const auto& [id, session] : sessions_.live())
    if (session->use.tenant == &tenant) limit(*session);
}

void Server::limit(const LiveSession& session) {
  for (const LiveBinding& binding : session.bindings) {
    const PoolDevice* device = devices_.find(binding.id.device);
    if (device == nullptr) continue;
    const auto cpu = cpu_fence(device->traits, session.use.tenant->terms.cap);
    if (Status set = pool_.limit(*binding.worker, session.record.arena_bytes, cpu); !set.ok())
      pool_.end(*binding.worker, "its limits could not be set: " + set.message());
  }
}

Server::~Server() { tenant_listener_.close(); }

Status Server::start_leases() {
  SLUICE_TRY(leases_.start());
  return leases_.overdue.connect(loop_, [this] { sessions_.end_overdue(); });
}

Status Server::stop_on_signals() {
  const sigset_t signals = stop_signals();
  SLUICE_REQUIRE(blocked(signals));
  signals_.reset(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return errno_status("make a signalfd", errno);
  signals_watch_ = SLUICE_TRY(loop_.watch(signals_.get(), EPOLLIN, [this](std::uint32_t) { signal_arrived(); }));
  return Status();
}

void Server::signal_arrived() {
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof info) != sizeof info) return;
  if (stopping_) return loop_.stop();
  if (static_cast<int>(info.ssi_signo) == hand_over_signal) hand_over();
  log::info("stopping ({})", info.ssi_signo == SIGINT ? "interrupted" : "terminated");
  stop();
}

// ---- starting ----

int Server::run() {
  sessions_.remember_lost(folder_.lost_sessions());
  living_ = folder_.sweep(last_number_);
  remove_leftovers();
  look_for_devices();
  loop_.run();
  folder_.remove_sockets();
  // Of workers whose end there was no time to see.
  for (const cgroups::WorkerCgroup& group : groups_.leftovers({})) tasks_.run(BlockingTasks::no_user, group.removal());
  if (!tasks_.finish(now_ns() + tidy_ns_max)) log::warn("some of what workers left could not be removed in time");
  groups_.remove();
  return exit_code_;
}

void Server::remove_leftovers() {
  std::vector<std::uint32_t> numbers;
  for (const LivingWorker& worker : living_) numbers.push_back(worker.number);
  for (const cgroups::WorkerCgroup& group : groups_.leftovers(numbers)) {
    last_number_ = std::max(last_number_, group.number());
    tasks_.run(BlockingTasks::no_user, group.removal());
  }
}

void Server::look_for_devices() {
  sd_notify(0, "STATUS=looking for devices");
  log::info("looking for devices");
  inventory_.look(
      {options_.config.devices, options_.config.start_timeout_s * ns_per_s, [this] { return ++last_number_; }},
      [this](Result<std::vector<FoundDevice>> found) { devices_found(std::move(found)); });
}

void Server::devices_found(Result<std::vector<FoundDevice>> found) {
  if (!found.ok()) return fail(found.status());
  devices_ = DevicePool(found.take(), options_.config.devices, host_memory_bytes(),
                        *allocator::find_policy(options_.config.placement_policy));
  for (const std::string& warning : devices_.warnings()) log::warn("{}", warning);
  std::vector<WorkerDevice> places;
  for (const PoolDevice& device : devices_.devices()) places.push_back(worker_device(device));
  launcher_.set_devices(places);
  for (const PoolDevice& device : devices_.devices())
    log::info("device {}: {}{}: {}", device.index, label_of(device),
              device.cpus.empty() ? "" : " (CPUs " + device.cpus.to_string() + ")",
              device.enabled ? "offers " + format_milli_gpu(device.gpu_offered) + " and " +
                                   format_bytes(device.memory_offered_bytes) + " of memory"
                             : "not enabled");
  if (Status taken = take_over(); !taken.ok()) fail(taken);
}

Status Server::take_over() {
  pool_.number_from(last_number_);
  // Programs can connect from now on; they are admitted once the books are whole.
  const unsigned mode = options_.user_pool ? 0600 : 0666;
  SLUICE_TRY(tenant_listener_.listen(folder_.tenant_socket(), mode));
  SLUICE_TRY(admin_.open(folder_.admin_socket()));
  return adoption_.start(std::move(living_), [this] { open_to_tenants(); });
}

void Server::open_to_tenants() {
  // Configuration and terms may have changed since the daemon before bounded them.
  for (const auto& [id, session] : sessions_.live()) limit(*session);
  watch_.start();
  for (const PoolDevice& device : devices_.devices())
    if (device.enabled) pool_.serve(device.index);
  tenant_admin_.open();
  if (Status opened = tenant_listener_.open(); !opened.ok()) return fail(opened);
  log::info("ready: programs may come in at {}", folder_.tenant_socket());
  sd_notify(0, "READY=1\nSTATUS=serving");
}

void Server::fail(const Status& status) {
  log::error("{}", status.message());
  sd_notifyf(0, "STATUS=%s", status.message().c_str());
  exit_code_ = exit_failed;
  stop();
}

// ---- stopping ----

// Ends this process alone. The next daemon takes over what lives, as after a crash; so no destructor may run, for they
// end workers.
void Server::hand_over() {
  log::info("leaving all sessions to the next daemon");
  sd_notify(0, "STOPPING=1");
  sessions_.settle_books();
  _exit(EXIT_SUCCESS);
}

void Server::stop() {
  if (std::exchange(stopping_, true)) return;
  sd_notify(0, "STOPPING=1");
  tenant_listener_.close();
  admin_.close();
  adoption_.give_up();
  watch_.stop();
  pool_.shut_down();
  stop_deadline_ = loop_.at(now_ns() + stop_ns_max, [this] { loop_.stop(); });
  stop_when_empty();
}

void Server::stop_when_empty() {
  if (pool_.size() == 0) return loop_.stop();
  stop_check_ = loop_.at(now_ns() + 5 * ns_per_ms, [this] { stop_when_empty(); });
}

// ---- questions ----

Result<nlohmann::json> Server::answer(const nlohmann::json& request) {
  const PoolView pool{devices_,           slices_,         pool_, sessions_, leases_, folder_.path(),
                      options_.user_pool, started_unix_ns_};
  const auto field = request.find("verb");
  const std::string verb = field != request.end() && field->is_string() ? field->get<std::string>() : "";
  if (verb == "status") return status_view(pool);
  if (verb == "devices") return devices_view(pool);
  if (verb == "sessions") sessions_.settle_books();
  if (verb == "sessions") return sessions_view(pool, {asks_for(request, "ended"), asks_for(request, "why")});
  if (TenantAdmin::knows(verb)) return tenant_admin_.answer(verb, request);
  if (verb == session_move_verb) return start_move(mover_, request);
  if (verb == session_move_show_verb) return show_move(mover_, request);
  return Status(Code::invalid_argument, "unknown verb; there are status, devices, sessions, session-move, " +
                                            std::string(session_move_show_verb) + ", " + TenantAdmin::verbs());
}

}  // namespace sluice::server
