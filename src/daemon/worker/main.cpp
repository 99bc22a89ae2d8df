// sluice-worker: serves one session of one program on one device, then exits. The session may come from another worker,
// and move on to a third.
//
// Started by sluiced with the link as descriptor 3. It opens its device first and says Ready, so that attaching a
// program costs none of a driver's loading time; then it waits, without a timeout, to be told whom to serve.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/log.h"
#include "daemon/backends/backend.h"
#include "daemon/sessions/fences.h"
#include "daemon/worker/clean_pages.h"
#include "daemon/worker/control.h"
#include "daemon/worker/jail.h"
#include "daemon/worker/local_attachment.h"
#include "daemon/worker/move/source.h"
#include "daemon/worker/move/target.h"
#include "daemon/worker/session.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds send_ns = 5 * ns_per_s;
constexpr Nanoseconds give_back_ns = ns_per_s;
constexpr std::uint64_t wait_for_ever = UINT64_MAX;

struct Options {
  bool probe = false;
  std::optional<std::size_t> device;
  bool bound = false;
  std::uint32_t number = 0;
  std::string pool;
  std::string without;  // fences, as FenceSet has them
  FilePaths paths;
  std::string log_level = "info";
  BuildLimits builds;

  FenceSet fences_down() const { return FenceSet::parse(without).value_or(FenceSet()); }
};

bool tell(const wire::MessageSocket& link, const WorkerMessage& message) {
  const Status status = link.send(encode_worker_message(message), {}, now_ns() + send_ns);
  if (!status.ok()) log::error("cannot tell the daemon: {}", status.to_string());
  return status.ok();
}

WorkerMessage message_of(WorkerMessageKind kind, std::string text = {}) {
  WorkerMessage message;
  message.kind = kind;
  message.text = std::move(text);
  return message;
}

using Backends = std::vector<std::unique_ptr<backend::Backend>>;

int probe_all(const wire::MessageSocket& link) {
  WorkerMessage message = message_of(WorkerMessageKind::probed);
  for (const auto& backend : backend::make_backends()) {
    auto found = backend->discover();
    if (!found.ok()) message.text += backend->name() + ": " + found.status().message() + "\n";
    else message.devices.insert(message.devices.end(), found.value().begin(), found.value().end());
  }
  return tell(link, message) ? 0 : 1;
}

// Devices are numbered through all backends.
Result<std::unique_ptr<backend::Device>> open_device(const Backends& backends, std::size_t number) {
  for (const auto& backend : backends) {
    const std::size_t count = backend->device_count();
    if (number < count) return backend->open(number);
    number -= count;
  }
  return Status(Code::not_found, "there are not that many devices");
}

int probe_one(const wire::MessageSocket& link, std::size_t number) {
  WorkerMessage message = message_of(WorkerMessageKind::probed);
  const auto backends = backend::make_backends();
  const auto device = open_device(backends, number);
  if (device.ok()) message.devices.push_back(device.value()->traits());
  else if (device.status().code() != Code::not_found) message.text = device.status().to_string();
  return tell(link, message) ? 0 : 1;
}

// ---- one session ----

AttachedSession::Limits limits_of(const Options& options) {
  if (options.fences_down().has(Fence::budgets)) return {HostLimits::none(), BuildLimits::none()};
  return {HostLimits(), options.builds};
}

// What kernels print goes to the program. Without a buffer in between: what a command printed has left before it is
// complete, and nothing needs a lock that a kernel may hold while it waits for the program to read.
Status print_to(UniqueFd output) {
  if (dup2(output.get(), STDOUT_FILENO) < 0) return errno_status("print to the program", errno);
  setvbuf(stdout, nullptr, _IONBF, 0);
  return Status();
}

// Where this daemon reads what the worker writes. Its stdout is the program's.
void write_to(const UniqueFd& log) {
  log::redirect(log.get());
  dup2(log.get(), STDERR_FILENO);
}

// The tenant's cache gets its number. False: the session has none.
bool place_cache(std::vector<UniqueFd>& fds) {
  if (fds.size() <= attach_fd_cache) return false;
  const UniqueFd cache = std::move(fds[attach_fd_cache]);
  return dup2(cache.get(), worker_cache_fd) == worker_cache_fd;  // without close-on-exec
}

// What must have happened before the program may send its first command.
Status prepare(backend::Device& device, bool has_cache, const Options& options) {
  FilePaths paths = options.paths;
  // Its own /tmp; in a root that it shares, a folder of its own there.
  const char* home = std::getenv("HOME");
  if (home != nullptr) paths.writable.emplace_back(home);
  if (has_cache) {
    paths.writable.emplace_back(worker_cache_path);
    if (Status status = device.use_cache_folder(worker_cache_path); !status.ok())
      log::warn("no cache of builds for this session: {}", status.to_string());
  }
  return tighten_jail(options.fences_down(), paths);
}

// The daemon has made the socket; listening is what tells the next daemon who answers there (SO_PEERCRED, unix(7)).
Result<UniqueFd> open_adoption_socket() {
  UniqueFd adoption_socket(worker_adoption_fd);
  if (fcntl(adoption_socket.get(), F_SETFD, FD_CLOEXEC) != 0 || listen(adoption_socket.get(), 1) != 0)
    return errno_status("listen for the next daemon", errno);
  return adoption_socket;
}

// What is left to do before the session is served. Returns the adoption socket.
Result<UniqueFd> get_ready(backend::Device& device, UniqueFd output, bool has_cache, const Options& options) {
  UniqueFd adoption_socket = SLUICE_TRY(open_adoption_socket());
  SLUICE_TRY(print_to(std::move(output)));
  SLUICE_TRY(prepare(device, has_cache, options));
  return adoption_socket;
}

// Everything from Attach to the end. The process is not torn down but left: a driver's threads may still be busy, and
// the kernel frees what it held.
[[noreturn]] void leave(int code) { _exit(code); }

[[noreturn]] void refuse(const wire::MessageSocket& link, const SessionRecord& record, const Status& why) {
  log::error("cannot serve session {}: {}", record.session_id, why.to_string());
  tell(link, message_of(WorkerMessageKind::ended, why.to_string()));
  leave(1);
}

// What a session that is served has in this process.
struct Serving {
  backend::Device& device;
  wire::MessageSocket link;
  WorkerMessage attach;  // or receive
  LocalAttachment local;
  std::unique_ptr<AttachedSession> session;
  UniqueFd adoption_socket;
};

AdoptionOffer offer_of(Serving& serving, MoveSource& moves) {
  AdoptionOffer offer;
  offer.claim = serving.attach;
  offer.claim.kind = WorkerMessageKind::adopt;
  offer.fds = [&serving] { return serving.local.fds_for_adoption(); };
  offer.gone = [&serving] { serving.session->lose_daemon(); };
  offer.followed = [&serving](std::vector<UniqueFd> fds) {
    if (fds.size() == adopted_fds) write_to(fds[adopted_fd_log]);
    SLUICE_TRY(serving.local.follow_daemon(fds));
    serving.session->follow_daemon();
    return Status();
  };
  offer.give = [&moves](std::vector<UniqueFd> fds) { return moves.start(std::move(fds)); };
  return offer;
}

// Serves the session to its end. `first`: what the daemon is told as soon as it is served.
[[noreturn]] void serve(Serving serving, const std::function<WorkerMessage()>& first) {
  const std::string who =
      "session " + std::to_string(serving.attach.record.session_id) + " of " + serving.attach.record.tenant;
  auto channel = serving.local.take_channel();
  MoveSource moves(*serving.session, channel->poll_fd());
  Control control(DaemonLink(std::move(serving.link), std::move(serving.adoption_socket), offer_of(serving, moves)),
                  std::move(channel), serving.session->builds(), &moves);
  std::thread commands([&] {
    if (Status status = serving.session->serve(); !status.ok()) control.report(status);
  });
  commands.detach();
  control.link().send(first());

  const Status end = control.wait_for_end();
  if (!moves.stop()) leave(0);  // the session is another worker's
  if (end.ok()) {
    log::info("{}: the program has gone", who);
    control.link().send(message_of(WorkerMessageKind::ended, "the program has gone"));
    if (serving.session->stop(now_ns() + give_back_ns)) {
      control.link().send(message_of(WorkerMessageKind::released));
      serving.device.save_builds(now_ns() + released_ns_max);
    }
    leave(0);
  }
  log::error("{} ended: {}", who, end.to_string());
  control.tell_program(end);
  control.link().send(message_of(WorkerMessageKind::ended, end.to_string()));
  leave(1);
}

// Everything up to the moment before the session is served, or restored.
Serving prepare_session(backend::Device& device, wire::MessageSocket link, std::vector<UniqueFd>& fds,
                        WorkerMessage message, const Options& options, Arrival arrival) {
  const bool has_cache = place_cache(fds);
  auto attachment = LocalAttachment::map(message.record, fds);
  if (!attachment.ok()) refuse(link, message.record, attachment.status());
  LocalAttachment& local = attachment.value();
  auto session = std::make_unique<AttachedSession>(device, message.record, limits_of(options), local.take_connection(),
                                                   local.pages(), arrival);
  auto adoption_socket = get_ready(device, std::move(fds[attach_fd_output]), has_cache, options);
  if (!adoption_socket.ok()) refuse(link, message.record, adoption_socket.status());
  return {device, std::move(link), std::move(message), attachment.take(), std::move(session), adoption_socket.take()};
}

[[noreturn]] void attach(backend::Device& device, wire::MessageSocket link, wire::Message received,
                         WorkerMessage message, const Options& options) {
  Serving serving =
      prepare_session(device, std::move(link), received.fds, std::move(message), options, Arrival::begins);
  serve(std::move(serving), [] { return message_of(WorkerMessageKind::attached); });
}

// A daemon that says anything before the move is decided calls it off; one that is gone says nothing.
bool has_message(const wire::MessageSocket& link) {
  pollfd awaited{link.fd(), POLLIN, 0};
  return poll(&awaited, 1, 0) > 0 && link.receive(now_ns()).ok();
}

// A session that moves here (move_page.h).
[[noreturn]] void receive(backend::Device& device, wire::MessageSocket link, wire::Message received,
                          WorkerMessage message, const Options& options) {
  const SessionRecord record = message.record;
  std::vector<UniqueFd>& fds = received.fds;
  if (fds.size() <= attach_fds_min) refuse(link, record, Status(Code::protocol_fault, "a move lacks descriptors"));
  auto word = MoveWord::map(std::move(fds[receive_fd_word]));
  fds.erase(fds.begin() + receive_fd_word);
  if (!word.ok()) refuse(link, record, word.status());
  const MoveStream stream(std::move(fds[attach_fd_session]));
  Serving serving = prepare_session(device, std::move(link), fds, std::move(message), options, Arrival::moves);
  auto arrived = arrive(*serving.session, stream);
  if (!arrived.ok()) refuse(serving.link, record, arrived.status());
  if (!tell(serving.link, message_of(WorkerMessageKind::prepared))) leave(1);
  if (Status decided = await_commit(word.value(), [&] { return has_message(serving.link); }); !decided.ok())
    refuse(serving.link, record, decided);
  if (Status printing = print_to(std::move(arrived.value().output)); !printing.ok())
    refuse(serving.link, record, printing);
  serving.local.set_channel(std::move(arrived.value().session_socket));
  serve(std::move(serving), [&] {
    WorkerMessage moved = message_of(WorkerMessageKind::moved);
    moved.move = arrived.value().report;
    const Nanoseconds now = now_ns(), rested_ns = arrived.value().rested_ns;
    moved.move.pause_ns = now > rested_ns ? now - rested_ns : 0;
    return moved;
  });
}

int run(const Options& options) {
  wire::MessageSocket link{UniqueFd(worker_link_fd)};
  (void)dup2(STDIN_FILENO, worker_cache_fd);  // so that nothing else gets the number
  if (Status shut = shut_jail(options.fences_down(), options.bound); !shut.ok()) {
    tell(link, message_of(options.probe ? WorkerMessageKind::probed : WorkerMessageKind::ready, shut.message()));
    return 1;
  }
  if (options.probe) return options.device ? probe_one(link, *options.device) : probe_all(link);
  WorkerMessage ready = message_of(WorkerMessageKind::ready);
  const auto backends = backend::make_backends();
  auto device = open_device(backends, options.device.value_or(0));
  if (!device.ok()) {
    ready.text = device.status().to_string();
    tell(link, ready);
    return 1;
  }
  ready.devices.push_back(device.value()->traits());
  return_clean_pages();
  if (!tell(link, ready)) return 1;

  auto received = link.receive(wait_for_ever);
  if (!received.ok()) return 0;  // the daemon is gone, and nobody was served yet
  auto message = decode_worker_message(received.value().bytes);
  if (message.ok() && message.value().kind == WorkerMessageKind::attach)
    attach(*device.value(), std::move(link), received.take(), message.take(), options);
  if (message.ok() && message.value().kind == WorkerMessageKind::receive)
    receive(*device.value(), std::move(link), received.take(), message.take(), options);
  log::error("the daemon sent neither Attach nor Receive");
  return 1;
}

}  // namespace
}  // namespace sluice::worker

int main(int argc, char** argv) {
  sluice::worker::Options options;
  CLI::App app{"Serves one session of the pool on one device. Started by sluiced; not meant to be run by hand."};
  app.add_flag("--probe", options.probe, "describe every device on the link, or the one of --device, and exit");
  app.add_option("--device", options.device, "which device to open, counted from 0");
  app.add_flag("--bound", options.bound, "stay on the CPUs that it was started on");
  app.add_option("--number", options.number, "the worker's number, for its log");
  app.add_option("--pool", options.pool, "the daemon's runtime folder, for who looks at the list of processes");
  app.add_option("--without", options.without, "fences that are down, separated by commas")
      ->check([](const std::string& names) {
        return sluice::FenceSet::parse(names) ? std::string() : "unknown fence in " + names;
      });
  app.add_option("--readable", options.paths.readable, "a path that its driver reads, beside the system's; repeatable");
  app.add_option("--writable", options.paths.writable, "a folder that it writes, beside /tmp; repeatable");
  std::uint32_t build_s = static_cast<std::uint32_t>(options.builds.cpu_ns / sluice::ns_per_s);
  app.add_option("--build-seconds", build_s, "how much processor time one build may take");
  app.add_option("--build-memory", options.builds.memory_bytes, "how many bytes builds may take at a time");
  app.add_option("--log", options.log_level, "debug, info, warn or error");
  CLI11_PARSE(app, argc, argv);
  options.builds.cpu_ns = build_s * sluice::ns_per_s;
  const auto status = sluice::log::configure_for_daemon(options.log_level);
  if (!status.ok()) {
    std::fprintf(stderr, "sluice-worker: %s\n", status.message().c_str());
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // its log, and the program's output, may be pipes that nobody reads any more
  std::signal(SIGINT, SIG_IGN);   // meant for the program in the foreground of the terminal
  std::signal(SIGHUP, SIG_IGN);
  // Left, not torn down: a driver may have threads that are busy, and a sanitizer that looks for leaks cannot in a
  // jail.
  _exit(sluice::worker::run(options));
}
