// A worker without a driver, for tests of the daemon: it says what a worker says, and misbehaves on request.
//
// How is said by the words in the file that $FAKE_WORKER names; without a file it behaves:
//   crash     exits before it is ready          broken    says that its driver failed
//   mute      never says that it is ready       die       exits when it is given a session
//   deaf      never answers Attach              stubborn  does not leave when its program is dead
//   garbage   talks nonsense once attached      forge     claims another session than its own to a new daemon
//   fragile   exits just after it was ready     late      does not come to a new daemon
//   lingering gives its session back and stays
//   chatter   says Ended again and again once attached
//   sockets   sends sockets that take long to close, unasked, once attached
//   hoarder   brings such sockets to a new daemon instead of the session's memory
//   processor says that kernels run on the host
//   greedy    touches 64 MiB of memory before it is ready
//   forger    writes lines like the daemon's own, and far too many, to its log
//   vanished  is not found by a probe any more; not ready either
//   changed   opens another device than the daemon has found
//   swap      hands another page than its own to a new daemon
//   builds    uses a processor without end once attached, as a compiler would, and asks for no lease
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "daemon/sessions/lease.h"
#include "daemon/sessions/memory_grant.h"
#include "daemon/sessions/worker_link.h"
#include "wire/ring.h"
#include "wire/transport/message_socket.h"
#include "wire/transport/shared_memory.h"

namespace {

using namespace sluice;

constexpr std::uint64_t held_bytes = 1 << 20;

bool told_to(const char* word) {
  const char* path = std::getenv("FAKE_WORKER");
  if (path == nullptr) return false;
  std::ifstream file(path);
  return std::find(std::istream_iterator<std::string>(file), {}, word) != std::istream_iterator<std::string>();
}

wire::DeviceTraits fake_card() {
  wire::DeviceTraits traits;
  traits.name = "fake card";
  traits.vendor = "nobody";
  traits.platform_name = "fake platform";
  traits.driver_version = "1";
  traits.kind = told_to("processor") ? wire::DeviceKind::cpu : wire::DeviceKind::gpu;
  traits.global_memory_bytes = 8ull << 30;
  traits.allocation_bytes_max = 2ull << 30;
  const char* processors = std::getenv("POCL_MAX_PTHREAD_COUNT");
  traits.compute_units = processors != nullptr ? static_cast<std::uint32_t>(std::atoi(processors)) : 8;
  traits.uuid[0] = told_to("changed") ? 0xfb : 0xfa;
  return traits;
}

WorkerMessage message_of(WorkerMessageKind kind, const std::string& text = "") {
  WorkerMessage message;
  message.kind = kind;
  message.text = text;
  return message;
}

void tell(const wire::MessageSocket& link, const WorkerMessage& message, std::span<const int> fds = {}) {
  if (!link.send(encode_worker_message(message), fds, now_ns() + ns_per_s).ok()) std::exit(0);
}

// Closing it takes lingering_s, unless the peer reads: a process of its own keeps that open and does not.
constexpr int lingering_s = 4;

[[noreturn]] void keep_open(int peer) {
  if (peer > 0) close_range(0, static_cast<unsigned>(peer) - 1, 0);
  close_range(static_cast<unsigned>(peer) + 1, ~0u, 0);
  sleep(lingering_s + 1);
  _exit(0);
}

UniqueFd lingering_socket() {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd ours(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* where = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.get(), where, size) != 0 || listen(listener.get(), 1) != 0 ||
      getsockname(listener.get(), where, &size) != 0 || connect(ours.get(), where, size) != 0)
    std::exit(8);
  const UniqueFd peer(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (fork() == 0) keep_open(peer.get());
  const linger wait{1, lingering_s};
  setsockopt(ours.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof wait);
  const std::string unread(1 << 16, 'x');
  while (send(ours.get(), unread.data(), unread.size(), MSG_DONTWAIT) > 0) {
  }
  return ours;
}

void write_forged_lines() {
  std::fputs("sluiced: error: the registry is lost\n\x1b[2Jerror: kernel panic\r\n", stderr);
  for (int i = 0; i < 100'000; ++i) std::fputs("info: a lot to say\n", stderr);
}

void touch_memory() {
  static std::array<char, 64 << 20> memory;
  for (std::size_t at = 0; at < memory.size(); at += 4096) static_cast<volatile char&>(memory[at]) = 1;
}

[[noreturn]] void compute_for_ever() {
  for (;;) (void)getppid();
}

[[noreturn]] void sleep_for_ever() {
  for (;;) pause();
}

UniqueFd foreign_page() { return wire::SharedMemory::create("foreign", report_page_bytes).value().take_fd(); }

class Serving {
 public:
  Serving(UniqueFd adoption_socket, wire::MessageSocket link, WorkerMessage attach, std::vector<UniqueFd> fds)
      : adoption_socket_(std::move(adoption_socket)), link_(std::move(link)), attach_(std::move(attach)) {
    control_ = std::move(fds[attach_fd_control]);
    arena_ = std::move(fds[attach_fd_arena]);
    report_ = wire::SharedMemory::map(std::move(fds[attach_fd_report]), report_page_bytes).take();
    terms_ = wire::SharedMemory::map_to_read(std::move(fds[attach_fd_terms]), terms_page_bytes).take();
    kick_ = std::move(fds[attach_fd_kick]);
    session_ = std::move(fds[attach_fd_session]);
    output_ = std::move(fds[attach_fd_output]);
  }

  void work() {
    metering::MeterPage* page = &report_page().meter;
    page->device_ns = 5'000'000;
    page->launches = 7;
    page->bytes_in = 100;
    page->host_bytes_in = 11;
    page->memory_peak_bytes = 2 * held_bytes;
    if (!memory().reserve(held_bytes).ok()) std::exit(4);
  }

  void say_attached() { tell(link_, message_of(WorkerMessageKind::attached)); }

  [[noreturn]] void serve() {
    if (garbage_) (void)link_.send(std::as_bytes(std::span("nonsense")), {}, now_ns() + ns_per_s);
    while (chatter_) tell(link_, message_of(WorkerMessageKind::ended, "again"));
    if (sockets_) send_sockets();
    if (stubborn_) sleep_for_ever();
    if (builds_) compute_for_ever();
    for (;;) {
      pollfd awaited[] = {{session_.get(), POLLIN, 0}, {link_.fd(), POLLIN, 0}};
      poll(awaited, 2, -1);
      if (awaited[0].revents != 0 || (awaited[1].revents != 0 && told_of_death())) {
        tell(link_, message_of(WorkerMessageKind::ended, "the program\x1b[31m has gone"));
        if (lingering_) linger();
        std::exit(0);
      }
    }
  }

 private:
  // Several messages: what the daemon does not read lies in the link when it is closed. The test stops the daemon
  // meanwhile, so that this process has closed its own descriptors first.
  [[noreturn]] void send_sockets() {
    std::array<UniqueFd, 3> sockets;
    for (UniqueFd& socket : sockets) socket = lingering_socket();
    usleep(200'000);
    for (UniqueFd& socket : sockets) {
      tell(link_, message_of(WorkerMessageKind::ended), std::array{socket.get()});
      socket.reset();
    }
    sleep_for_ever();
  }

  TermsPage& terms_page() { return *reinterpret_cast<TermsPage*>(terms_.data()); }
  ReportPage& report_page() { return *reinterpret_cast<ReportPage*>(report_.data()); }
  MemoryHolder memory() { return {terms_page(), report_page(), kick_.get()}; }

  // Also looks for the next daemon, if there is none any more, and follows it.
  bool told_of_death() {
    auto received = link_.receive(now_ns());
    if (!received.ok()) {
      find_next_daemon();
      return false;
    }
    const auto message = decode_worker_message(received.value().bytes);
    if (message.ok() && message.value().kind == WorkerMessageKind::adopted) follow(std::move(received.value().fds));
    return message.ok() && message.value().kind == WorkerMessageKind::program_gone;
  }

  void follow(std::vector<UniqueFd> fds) {
    if (fds.size() != adopted_fds || !terms_.replace(std::move(fds[adopted_fd_terms])).ok()) std::exit(5);
    kick_ = std::move(fds[adopted_fd_kick]);
    LeaseHolder(terms_page(), report_page(), kick_.get()).follow_daemon(false);
    report_page().epoch = terms_page().epoch.load();
    const std::uint64_t one = 1;
    if (::write(kick_.get(), &one, sizeof one) != sizeof one) std::exit(8);
  }

  [[noreturn]] void linger() {
    memory().release(held_bytes);
    tell(link_, message_of(WorkerMessageKind::released));
    sleep_for_ever();
  }

  void find_next_daemon() {
    if (told_to("late")) sleep_for_ever();
    WorkerMessage claim = attach_;
    claim.kind = WorkerMessageKind::adopt;
    if (told_to("forge")) claim.record.limits.memory_bytes = 1;
    const UniqueFd foreign = told_to("swap") ? foreign_page() : UniqueFd();
    const int report_fd = foreign.valid() ? foreign.get() : report_.fd();
    std::array<int, adopt_fds> fds{control_.get(), arena_.get(), report_fd, terms_.fd()};
    const UniqueFd slow = told_to("hoarder") ? lingering_socket() : UniqueFd();
    if (slow.valid()) fds.fill(slow.get());
    pollfd awaited[] = {{session_.get(), POLLIN, 0}, {adoption_socket_.get(), POLLIN, 0}};
    poll(awaited, 2, -1);
    if (awaited[0].revents != 0) std::exit(0);  // the program has gone in the meantime
    link_ = wire::MessageSocket(UniqueFd(accept4(adoption_socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    tell(link_, claim, fds);
  }

  UniqueFd adoption_socket_;
  wire::MessageSocket link_;
  WorkerMessage attach_;
  wire::SharedMemory report_, terms_;
  UniqueFd control_, arena_, kick_, session_, output_;
  // Asked before the test can say other things.
  const bool garbage_ = told_to("garbage"), stubborn_ = told_to("stubborn"), lingering_ = told_to("lingering"),
             chatter_ = told_to("chatter"), sockets_ = told_to("sockets"), builds_ = told_to("builds");
};

bool has_option(int argc, char** argv, const char* name) {
  return std::any_of(argv, argv + argc, [name](const char* word) { return std::strcmp(word, name) == 0; });
}

}  // namespace

int main(int argc, char** argv) {
  wire::MessageSocket link{UniqueFd(worker_link_fd)};
  if (has_option(argc, argv, "--probe")) {
    const bool one = has_option(argc, argv, "--device");  // as in a start, and not at the daemon's
    if (one && told_to("crash")) return 3;
    if (one && told_to("mute")) sleep_for_ever();
    WorkerMessage probed =
        message_of(WorkerMessageKind::probed, one && told_to("broken") ? "the driver is on fire" : "");
    if (probed.text.empty() && !(one && told_to("vanished"))) probed.devices.push_back(fake_card());
    tell(link, probed);
    return 0;
  }
  if (told_to("greedy")) touch_memory();
  if (told_to("crash")) return 3;
  if (told_to("mute")) sleep_for_ever();
  if (told_to("forger")) write_forged_lines();
  const bool vanished = told_to("vanished");
  WorkerMessage ready = message_of(WorkerMessageKind::ready, vanished            ? "there are not that many devices"
                                                             : told_to("broken") ? "the driver is on fire"
                                                                                 : "");
  ready.devices.push_back(fake_card());
  tell(link, ready);
  if (told_to("fragile")) return 6;
  auto received = link.receive(UINT64_MAX);
  if (!received.ok()) return 0;
  auto attach = decode_worker_message(received.value().bytes);
  if (!attach.ok() || told_to("die")) return 9;
  if (told_to("deaf")) sleep_for_ever();
  UniqueFd adoption_socket(worker_adoption_fd);
  if (listen(adoption_socket.get(), 1) != 0) return 7;
  Serving serving(std::move(adoption_socket), std::move(link), attach.take(), std::move(received.value().fds));
  serving.work();
  serving.say_attached();
  serving.serve();
}
