#include "wire/transport/message_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

namespace sluice::wire {
namespace {

using Pair = std::pair<MessageSocket, MessageSocket>;

Pair joined() {
  auto pair = MessageSocket::pair();
  REQUIRE(pair.ok());
  return std::move(pair.value());
}

std::vector<std::byte> some_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

Nanoseconds soon() { return now_ns() + 5 * ns_per_s; }

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 0;
  return count;
}

// What a peer that does not use MessageSocket may send.
void send_raw(int fd, std::span<const std::byte> bytes, std::span<const int> fds) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  std::vector<std::uint64_t> control((CMSG_SPACE(fds.size_bytes()) + 7) / 8);
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  REQUIRE(::sendmsg(fd, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/sluice-socket-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST_CASE("messages arrive whole, one by one, from the empty-handed to the longest") {
  const Pair ends = joined();
  for (const std::size_t size : {std::size_t{1}, std::size_t{152}, std::size_t{70'000}, message_bytes_max}) {
    REQUIRE(ends.first.send(some_bytes(size), {}, soon()).ok());
    REQUIRE(ends.first.send(some_bytes(3), {}, soon()).ok());
    const auto message = ends.second.receive(soon());
    REQUIRE(message.ok());
    CHECK(message.value().bytes == some_bytes(size));
    CHECK(message.value().fds.empty());
    CHECK(ends.second.receive(soon()).value().bytes.size() == 3);
  }
}

TEST_CASE("descriptors travel with their message, in order, and close on exec") {
  const Pair ends = joined();
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
  const int fds[] = {reader.get(), writer.get()};
  REQUIRE(ends.first.send(some_bytes(8), fds, soon()).ok());
  auto message = ends.second.receive(soon());
  REQUIRE(message.ok());
  REQUIRE(message.value().fds.size() == 2);
  for (const UniqueFd& fd : message.value().fds) CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(::write(message.value().fds[1].get(), "x", 1) == 1);
  char letter = 0;
  REQUIRE(::read(reader.get(), &letter, 1) == 1);
  CHECK(letter == 'x');
}

TEST_CASE("as many descriptors as allowed pass, one more is refused by the sender") {
  const Pair ends = joined();
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<int> fds(message_fds_max + 1, null.get());
  REQUIRE(ends.first.send(some_bytes(8), std::span(fds).first(message_fds_max), soon()).ok());
  CHECK(ends.second.receive(soon()).value().fds.size() == message_fds_max);
  CHECK(ends.first.send(some_bytes(8), fds, soon()).code() == Code::invalid_argument);
}

TEST_CASE("the sender refuses what the receiver would") {
  const Pair ends = joined();
  CHECK(ends.first.send(some_bytes(message_bytes_max + 1), {}, soon()).code() == Code::invalid_argument);
  CHECK(ends.first.send({}, {}, soon()).code() == Code::invalid_argument);
}

TEST_CASE("a message longer than allowed is a fault, never a part of one") {
  const Pair ends = joined();
  send_raw(ends.first.fd(), some_bytes(message_bytes_max + 1), {});
  CHECK(ends.second.receive(soon()).status().code() == Code::protocol_fault);
}

TEST_CASE("no message leaves descriptors behind, however it is refused") {
  const Pair ends = joined();
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<int> many(100, null.get());
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 20; ++round) {
    send_raw(ends.first.fd(), some_bytes(8), many);  // more than allowed
    CHECK(ends.second.receive(soon()).status().code() == Code::protocol_fault);
    send_raw(ends.first.fd(), some_bytes(message_bytes_max + 1), std::span(many).first(3));  // too long
    CHECK(ends.second.receive(soon()).status().code() == Code::protocol_fault);
    send_raw(ends.first.fd(), {}, std::span(many).first(3));  // empty
    CHECK(ends.second.receive(soon()).status().code() == Code::unavailable);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a receive ends at its deadline") {
  const Pair ends = joined();
  const Nanoseconds started = now_ns();
  CHECK(ends.second.receive(started + 20 * ns_per_ms).status().code() == Code::deadline_exceeded);
  CHECK(now_ns() - started >= 20 * ns_per_ms);
  CHECK(ends.second.receive(0).status().code() == Code::deadline_exceeded);
}

TEST_CASE("a message that is there already is received even after the deadline") {
  const Pair ends = joined();
  REQUIRE(ends.first.send(some_bytes(4), {}, 0).ok());
  CHECK(ends.second.receive(0).ok());
}

TEST_CASE("a send to a peer that does not read ends at its deadline") {
  const Pair ends = joined();
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i)
    status = ends.first.send(some_bytes(message_bytes_max), {}, now_ns() + 20 * ns_per_ms);
  CHECK(status.code() == Code::deadline_exceeded);
}

TEST_CASE("a send waits for a peer that reads slowly") {
  const Pair ends = joined();
  std::thread slow([&] {
    for (int i = 0; i < 20; ++i) {
      ::usleep(2'000);
      if (!ends.second.receive(soon()).ok()) std::abort();
    }
  });
  for (int i = 0; i < 20; ++i) CHECK(ends.first.send(some_bytes(100'000), {}, soon()).ok());
  slow.join();
}

TEST_CASE("a peer that is gone is told from one that is silent") {
  Pair ends = joined();
  REQUIRE(ends.first.send(some_bytes(4), {}, soon()).ok());
  ends.first.close();
  CHECK(ends.second.receive(soon()).ok());  // what it sent before is still there
  CHECK(ends.second.receive(soon()).status().code() == Code::unavailable);
  CHECK(ends.second.send(some_bytes(4), {}, soon()).code() == Code::unavailable);
}

TEST_CASE("the kernel says who is at the other end") {
  const Pair ends = joined();
  const auto peer = ends.first.peer();
  REQUIRE(peer.ok());
  CHECK(peer.value().pid == ::getpid());
  CHECK(peer.value().uid == ::getuid());
  CHECK(peer.value().gid == ::getgid());
}

TEST_CASE("a listener replaces the stale socket of a dead one and sets its permissions") {
  const Folder folder;
  const std::string path = folder / "tenant.sock";
  { REQUIRE(listen_at(path, 0600).ok()); }
  auto listener = listen_at(path, 0666);
  REQUIRE(listener.ok());
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0666);
  auto client = MessageSocket::connect(path);
  REQUIRE(client.ok());
  const MessageSocket served(UniqueFd(::accept4(listener.value().get(), nullptr, nullptr, SOCK_CLOEXEC)));
  REQUIRE(client.value().send(some_bytes(5), {}, soon()).ok());
  CHECK(served.receive(soon()).value().bytes.size() == 5);
}

TEST_CASE("where nobody listens, connect says unavailable") {
  const Folder folder;
  CHECK(MessageSocket::connect(folder / "none.sock").status().code() == Code::unavailable);
  { REQUIRE(listen_at(folder / "stale.sock", 0600).ok()); }
  CHECK(MessageSocket::connect(folder / "stale.sock").status().code() == Code::unavailable);
}

TEST_CASE("a path that no socket can have is refused") {
  const std::string path = "/tmp/" + std::string(120, 'x');
  CHECK(MessageSocket::connect(path).status().code() == Code::invalid_argument);
  CHECK(listen_at(path, 0600).status().code() == Code::invalid_argument);
}

TEST_CASE("a listener that never accepts cannot hold a program for ever") {
  const Folder folder;
  auto listener = listen_at(folder / "busy.sock", 0600);
  REQUIRE(listener.ok());
  REQUIRE(::listen(listener.value().get(), 0) == 0);
  std::vector<MessageSocket> waiting;
  const Nanoseconds started = now_ns();
  Status status;
  for (int i = 0; i < 4 && status.ok(); ++i) {
    auto socket = MessageSocket::connect(folder / "busy.sock");
    status = socket.status();
    if (socket.ok()) waiting.push_back(std::move(socket.value()));
  }
  CHECK(status.code() == Code::unavailable);
  CHECK(now_ns() - started < 30 * ns_per_s);
}

}  // namespace
}  // namespace sluice::wire
