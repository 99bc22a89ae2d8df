#include "daemon/worker/daemon_link.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/log.h"

namespace sluice::worker {
namespace {

constexpr char socket_name[] = "worker.sock";
constexpr Nanoseconds send_ns = ns_per_s;
constexpr int answer_ms = 10'000;
constexpr int retry_ms = 20;
constexpr int tries_max = 100;  // between the socket's file and its listening lie microseconds, not seconds

// Did the watched folder get the socket, or go away?
struct WatchNews {
  bool socket = false, gone = false;
};

WatchNews read_news(int fd) {
  WatchNews news;
  alignas(inotify_event) char buffer[4096];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;
      if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0) news.gone = true;
      if (event.len > 0 && std::strncmp(name, socket_name, event.len) == 0) news.socket = true;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  return news;
}

}  // namespace

DaemonLink::DaemonLink(wire::MessageSocket link, Adoption adoption)
    : link_(std::move(link)), adoption_(std::move(adoption)) {}

int DaemonLink::fd() const {
  if (state_ == State::linked || state_ == State::claiming) return link_.fd();
  return watch_.get();
}

int DaemonLink::timeout_ms() const {
  if (state_ == State::retrying) return retry_ms;
  return state_ == State::claiming ? answer_ms : -1;
}

Status DaemonLink::attend() {
  switch (state_) {
    case State::linked:
    case State::claiming: return attend_link();
    case State::retrying: claim(); break;
    case State::watching: attend_watch(); break;
    case State::alone: break;
  }
  return Status();
}

Status DaemonLink::attend_link() {
  auto received = link_.receive(now_ns());
  if (received.ok()) {
    const auto message = decode_worker_message(received.value().bytes);
    if (message.ok() && message.value().kind == WorkerMessageKind::ended)
      return Status(Code::permission_denied, "the daemon ended the session: " + message.value().text);
    if (message.ok() && message.value().kind == WorkerMessageKind::adopted && state_ == State::claiming) {
      state_ = State::linked;
      log::info("a new daemon has taken over");
    }
    return Status();
  }
  if (received.status().code() == Code::deadline_exceeded && state_ == State::linked) return Status();
  link_.close();
  watch();
  return Status();
}

void DaemonLink::watch() {
  log::info("the daemon is gone; the session goes on and waits for the next one");
  state_ = State::alone;
  watch_ = UniqueFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const int folder =
      inotify_add_watch(watch_.get(), adoption_.runtime_folder.c_str(),
                        IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  if (folder < 0) {
    log::warn("cannot watch {}: {}", adoption_.runtime_folder, std::strerror(errno));
    watch_.reset();
    return;
  }
  // It may be there already. If not, or if it is the dead daemon's, the watch will tell.
  state_ = State::watching;
  tries_left_ = 1;
  claim();
}

void DaemonLink::attend_watch() {
  const WatchNews news = read_news(watch_.get());
  if (news.socket) {
    tries_left_ = tries_max;
    claim();
  } else if (news.gone) {
    log::warn("{} is gone: no later daemon will find this session", adoption_.runtime_folder);
    watch_.reset();
    state_ = State::alone;
  }
}

void DaemonLink::claim() {
  auto socket = wire::MessageSocket::connect(adoption_.runtime_folder + "/" + socket_name);
  if (!socket.ok()) {
    state_ = --tries_left_ > 0 ? State::retrying : State::watching;
    return;
  }
  link_ = socket.take();
  const int fds[] = {adoption_.meter_fd, adoption_.tenant_fd};
  if (!link_.send(encode_worker_message(adoption_.claim), fds, now_ns() + send_ns).ok()) {
    link_.close();
    state_ = State::watching;
    return;
  }
  watch_.reset();
  state_ = State::claiming;
}

void DaemonLink::send(const WorkerMessage& message) const {
  if (state_ != State::linked) return;
  (void)link_.send(encode_worker_message(message), {}, now_ns() + send_ns);
}

}  // namespace sluice::worker
