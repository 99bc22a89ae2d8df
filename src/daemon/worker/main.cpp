// sluice-worker: serves one session of one program on one device, then exits.
//
// Started by sluiced with the link as descriptor 3. It opens its device first and says Ready, so that attaching a
// program costs none of a driver's loading time; then it waits, without a timeout, to be told whom to serve.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "daemon/backends/backend.h"
#include "daemon/sessions/fences.h"
#include "daemon/worker/control.h"
#include "daemon/worker/jail.h"
#include "daemon/worker/resident.h"
#include "daemon/worker/session.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds send_ns = 5 * ns_per_s;
constexpr Nanoseconds give_back_ns = ns_per_s;
constexpr std::uint64_t wait_for_ever = UINT64_MAX;

struct Options {
  bool probe = false;
  std::size_t device = 0;
  std::uint32_t number = 0;
  std::string runtime_folder;
  std::string log_level = "info";
  BuildLimits builds;
  std::string without;  // fences, as FenceSet has them
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

int probe(const wire::MessageSocket& link) {
  WorkerMessage message = message_of(WorkerMessageKind::probed);
  for (const auto& backend : backend::make_backends()) {
    auto found = backend->discover();
    if (!found.ok()) message.text += backend->name() + ": " + found.status().message() + "\n";
    else message.devices.insert(message.devices.end(), found.value().begin(), found.value().end());
  }
  return tell(link, message) ? 0 : 1;
}

// Devices are numbered through all backends.
Result<std::unique_ptr<backend::Device>> open_device(std::vector<std::unique_ptr<backend::Backend>>& backends,
                                                     std::size_t number) {
  for (const auto& backend : backends) {
    const std::size_t count = backend->device_count();
    if (number < count) return backend->open(number);
    number -= count;
  }
  return Status(Code::not_found, "there are not that many devices");
}

// ---- one session ----

FenceSet fences_down(const Options& options) { return FenceSet::parse(options.without).value_or(FenceSet()); }

Session::Limits limits_of(const Options& options) {
  if (fences_down(options).has(Fence::budgets)) return {HostLimits::none(), BuildLimits::none()};
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

std::string own_folder(const Options& options) {
  return options.runtime_folder + "/workers/" + std::to_string(options.number);
}

// A sanitizer's runtime writes its reports where its options say. No ordinary worker has such a folder.
void keep_reports_writable([[maybe_unused]] std::vector<std::string>& writable) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  if (const char* folder = std::getenv("SLUICE_SANITIZER_REPORTS")) writable.emplace_back(folder);
#endif
}

// What must have happened before the program may send its first command.
Status prepare(backend::Device& device, const WorkerMessage& attach, const Options& options) {
  std::vector<std::string> writable{own_folder(options)};
  keep_reports_writable(writable);
  if (!attach.cache_folder.empty()) {
    writable.push_back(attach.cache_folder);
    if (Status status = device.use_cache_folder(attach.cache_folder); !status.ok())
      log::warn("no cache of builds for this session: {}", status.to_string());
  }
  return enter_jail(writable);
}

// Everything from Attach to the end. The process is not torn down but left: a driver's threads may still be busy, and
// the kernel frees what it held.
[[noreturn]] void leave(int code) { _exit(code); }

[[noreturn]] void serve(backend::Device& device, wire::MessageSocket link, wire::Message received, WorkerMessage attach,
                        const Options& options) {
  auto session = Session::open(device, attach.record, limits_of(options), received.fds);
  auto door = wire::listen_at(own_folder(options) + "/" + worker_door_name, 0600);
  Status ready = session.ok() ? door.status() : session.status();
  if (ready.ok()) ready = print_to(std::move(received.fds[attach_fd_output]));
  if (ready.ok()) ready = prepare(device, attach, options);
  if (!ready.ok()) {
    log::error("cannot serve session {}: {}", attach.record.session_id, ready.to_string());
    tell(link, message_of(WorkerMessageKind::ended, ready.to_string()));
    leave(1);
  }
  if (!tell(link, message_of(WorkerMessageKind::attached))) leave(1);

  Session& serving = *session.value();
  const auto followed = [&serving](std::vector<UniqueFd> fds) {
    if (fds.size() == adopted_fds) write_to(fds[adopted_fd_log]);
    return serving.follow_daemon(std::move(fds));
  };
  Adoption adoption{attach, [&serving] { return serving.fds_for_adoption(); }, [&serving] { serving.lose_daemon(); },
                    followed};
  adoption.claim.kind = WorkerMessageKind::adopt;
  Control control(DaemonLink(std::move(link), door.take(), std::move(adoption)),
                  std::move(received.fds[attach_fd_session]), serving.builds());
  std::thread dispatcher([&] {
    if (Status status = serving.serve(); !status.ok()) control.report(status);
  });
  dispatcher.detach();

  const Status end = control.wait_for_end();
  if (end.ok()) {
    log::info("session {} of {}: the program has gone", attach.record.session_id, attach.record.tenant);
    control.link().send(message_of(WorkerMessageKind::ended, "the program has gone"));
    if (serving.stop(now_ns() + give_back_ns)) {
      control.link().send(message_of(WorkerMessageKind::released));
      device.save_builds(now_ns() + released_ns_max);
    }
    leave(0);
  }
  log::error("session {} of {} ended: {}", attach.record.session_id, attach.record.tenant, end.to_string());
  control.tell_program(end);
  control.link().send(message_of(WorkerMessageKind::ended, end.to_string()));
  leave(1);
}

int run(const Options& options) {
  wire::MessageSocket link{UniqueFd(worker_link_fd)};
  if (options.probe) return probe(link);
  WorkerMessage ready = message_of(WorkerMessageKind::ready);
  auto backends = backend::make_backends();
  auto device = open_device(backends, options.device);
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
  auto attach = decode_worker_message(received.value().bytes);
  if (!attach.ok() || attach.value().kind != WorkerMessageKind::attach) {
    log::error("the daemon sent something else than Attach");
    return 1;
  }
  serve(*device.value(), std::move(link), received.take(), attach.take(), options);
}

}  // namespace
}  // namespace sluice::worker

int main(int argc, char** argv) {
  sluice::worker::Options options;
  CLI::App app{"Serves one session of the pool on one device. Started by sluiced; not meant to be run by hand."};
  app.add_flag("--probe", options.probe, "describe every device on the link, and exit");
  app.add_option("--device", options.device, "which device to open, counted from 0");
  app.add_option("--number", options.number, "the worker's number; its folder is RUNTIME/workers/NUMBER");
  app.add_option("--runtime-dir", options.runtime_folder, "the daemon's runtime folder");
  app.add_option("--without", options.without, "fences that are down, separated by commas");
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
  std::signal(SIGINT, SIG_IGN);   // meant for whoever has the terminal
  std::signal(SIGHUP, SIG_IGN);
  return sluice::worker::run(options);
}
