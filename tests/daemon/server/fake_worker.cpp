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
//   two       says that there are two such cards; odd: that the second is another one
//   of the target of a move, once it was sent Receive:
//     t-dies  exits        t-bad    finds the checkpoint damaged    t-hangs  never has all of the session
//     t-twice says twice that it is prepared                        t-early  says that it serves before the commit
//     t-falls exits at the commit                                   t-late   takes a second to say that it serves
//     t-asks  asks for more memory than its tenant may have
//   of the source of a move, once it was sent Give:
//     s-pins  keeps the session            s-dies  exits                   s-stays  does not leave at the commit
//     s-twice says twice that it keeps it
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
#include "daemon/sessions/move_page.h"
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

void send_descriptor(int stream, int fd) {
  char byte = 's';
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  (void)sendmsg(stream, &message, MSG_NOSIGNAL);
}

UniqueFd receive_descriptor(int stream) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(stream, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == nullptr) return {};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return UniqueFd(fd);
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

  // REQUIRES: the session's socket is the checkpoint's stream so far.
  void arrive(const MoveWord& word) {
    if (told_to("t-dies")) std::exit(0);
    if (told_to("t-bad")) leave("the checkpoint is damaged");
    if (told_to("t-asks") && !memory().reserve(1ull << 40).ok()) leave("no room for it");
    if (told_to("t-early")) tell(link_, message_of(WorkerMessageKind::moved));
    UniqueFd session = receive_descriptor(session_.get());
    if (!session.valid()) leave("the source is gone");
    session_ = std::move(session);
    if (!told_to("t-hangs")) tell(link_, message_of(WorkerMessageKind::prepared));
    if (told_to("t-twice")) tell(link_, message_of(WorkerMessageKind::prepared));
    if (word.wait(now_ns() + 20 * ns_per_s) != MoveState::committed) leave("the move was aborted");
    if (told_to("t-falls")) std::exit(0);
    if (told_to("t-late")) sleep(1);
    WorkerMessage moved = message_of(WorkerMessageKind::moved);
    moved.move = {3'000'000, 5000, 1000, 12, 2};
    (void)link_.send(encode_worker_message(moved), {}, 0);  // a daemon that is gone is looked for later
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

  [[noreturn]] void leave(const char* why) {
    (void)link_.send(encode_worker_message(message_of(WorkerMessageKind::ended, why)), {}, 0);
    std::exit(0);
  }

  void give(std::vector<UniqueFd> fds) {
    if (told_to("s-dies")) std::exit(0);
    MoveWord word = MoveWord::map(std::move(fds[give_fd_word])).take();
    if (told_to("s-pins") || told_to("s-twice")) {
      word_abort(word, "program 7 exists only as a binary");
      if (told_to("s-twice")) tell(link_, message_of(WorkerMessageKind::kept, "again"));
      return;
    }
    word.page().bytes_known = 5000;
    send_descriptor(fds[give_fd_checkpoint].get(), session_.get());
    await_word(word);
  }

  static void abort_of(MoveWord& word) {
    if (!word.abort()) _exit(0);
  }

  void word_abort(MoveWord& word, const char* why) {
    abort_of(word);
    (void)link_.send(encode_worker_message(message_of(WorkerMessageKind::kept, why)), {}, 0);
  }

  void await_word(MoveWord& word) {
    const Nanoseconds deadline = now_ns() + 4 * ns_per_s;
    while (word.state() == MoveState::prepared) {
      (void)word.wait(now_ns() + 5 * ns_per_ms);
      pollfd awaited[] = {{session_.get(), 0, 0}, {link_.fd(), 0, 0}};
      poll(awaited, 2, 0);
      if (awaited[0].revents != 0) {
        abort_of(word);
        leave("the program has gone");
      }
      if (awaited[1].revents != 0) {  // no daemon
        usleep(300'000);
        abort_of(word);
        kept_late_ = true;
        return;
      }
      if (now_ns() > deadline) return word_abort(word, "it did not end in time");
    }
    if (word.state() == MoveState::aborted) return word_abort(word, "it was aborted");
    if (told_to("s-stays")) sleep_for_ever();
    _exit(0);
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
    if (message.ok() && message.value().kind == WorkerMessageKind::give) give(std::move(received.value().fds));
    if (message.ok() && message.value().kind == WorkerMessageKind::adopted) follow(std::move(received.value().fds));
    return message.ok() && message.value().kind == WorkerMessageKind::program_gone;
  }

  void follow(std::vector<UniqueFd> fds) {
    if (fds.size() != adopted_fds || !terms_.replace(std::move(fds[adopted_fd_terms])).ok()) std::exit(5);
    kick_ = std::move(fds[adopted_fd_kick]);
    LeaseHolder(terms_page(), report_page(), kick_.get()).follow_daemon(false);
    report_page().epoch = terms_page().epoch.load();
    if (std::exchange(kept_late_, false)) tell(link_, message_of(WorkerMessageKind::kept, "the daemon is gone"));
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

  bool kept_late_ = false;
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
    if (told_to("two")) probed.devices.push_back(fake_card());
    if (told_to("odd")) probed.devices.back().name = "odd card";
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
  std::vector<UniqueFd> fds = std::move(received.value().fds);
  const bool moves = attach.value().kind == WorkerMessageKind::receive;
  UniqueFd word_fd;
  if (moves) {
    word_fd = std::move(fds[receive_fd_word]);
    fds.erase(fds.begin() + receive_fd_word);
  }
  Serving serving(std::move(adoption_socket), std::move(link), attach.take(), std::move(fds));
  serving.work();
  if (moves) serving.arrive(MoveWord::map(std::move(word_fd)).take());
  else serving.say_attached();
  serving.serve();
}
