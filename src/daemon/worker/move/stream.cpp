#include "daemon/worker/move/stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/contract.h"

namespace sluice::worker {
namespace {

struct Header {
  MoveFrame kind{};
  std::uint32_t zero = 0;
  std::uint64_t bytes = 0;
};
static_assert(sizeof(Header) == 16);

constexpr std::size_t step_bytes = 1 << 20;  // so much more memory is taken at a time as was sent before

Status fault(const char* what) { return Status(Code::protocol_fault, std::string("the other worker ") + what); }

int poll_ms(Nanoseconds deadline_ns) {
  const Nanoseconds now = now_ns();
  if (deadline_ns <= now) return 0;
  return static_cast<int>(std::min<Nanoseconds>((deadline_ns - now) / ns_per_ms + 1, 60'000));
}

// One message with room for descriptors.
struct Letter {
  explicit Letter(std::span<std::byte> bytes) : part{bytes.data(), bytes.size()} {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
  }
  void make_room() {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  // REQUIRES: no more than move_fds.
  void attach(std::span<const int> descriptors) {
    if (descriptors.empty()) return;
    make_room();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  std::vector<UniqueFd> attached() {
    std::vector<UniqueFd> taken;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return taken;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof descriptor, sizeof descriptor);
      taken.emplace_back(descriptor);
    }
    return taken;
  }

  iovec part;
  msghdr message{};
  alignas(cmsghdr) char control[CMSG_SPACE(move_fds * sizeof(int))] = {};
};

}  // namespace

MoveStream::MoveStream(UniqueFd socket) : socket_(std::move(socket)) {}

Status MoveStream::wait(short events, Nanoseconds deadline_ns) const {
  pollfd awaited{socket_.get(), events, 0};
  const int ready = poll(&awaited, 1, poll_ms(deadline_ns));
  if (ready < 0 && errno != EINTR) return errno_status("wait for the other worker", errno);
  if (ready == 0 && now_ns() >= deadline_ns) return Status(Code::deadline_exceeded, "the other worker does not answer");
  return Status();
}

Status MoveStream::send(MoveFrame kind, std::span<const std::byte> bytes, Nanoseconds deadline_ns,
                        std::span<const int> descriptors) const {
  SLUICE_REQUIRE(descriptors.size() <= move_fds);
  const Header header{kind, 0, bytes.size()};
  SLUICE_TRY(write_all(std::as_bytes(std::span(&header, 1)), descriptors, deadline_ns));
  return write_all(bytes, {}, deadline_ns);
}

Status MoveStream::send(MoveFrame kind, std::span<const std::byte> first, std::span<const std::byte> second,
                        Nanoseconds deadline_ns) const {
  const Header header{kind, 0, first.size() + second.size()};
  SLUICE_TRY(write_all(std::as_bytes(std::span(&header, 1)), {}, deadline_ns));
  SLUICE_TRY(write_all(first, {}, deadline_ns));
  return write_all(second, {}, deadline_ns);
}

// Descriptors go with the first bytes.
Status MoveStream::write_all(std::span<const std::byte> bytes, std::span<const int> descriptors,
                             Nanoseconds deadline_ns) const {
  while (!bytes.empty()) {
    Letter letter(std::span(const_cast<std::byte*>(bytes.data()), bytes.size()));  // sendmsg() only reads
    letter.attach(descriptors);
    const ssize_t sent = sendmsg(socket_.get(), &letter.message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      descriptors = {};
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EINTR) {
      SLUICE_TRY(wait(POLLOUT, deadline_ns));
    } else {
      return Status(Code::unavailable, "the other worker is gone");
    }
  }
  return Status();
}

Status MoveStream::read_all(std::span<std::byte> bytes, std::vector<UniqueFd>* descriptors,
                            Nanoseconds deadline_ns) const {
  while (!bytes.empty()) {
    Letter letter(bytes);
    letter.make_room();
    const ssize_t got = recvmsg(socket_.get(), &letter.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got == 0) return Status(Code::unavailable, "the other worker is gone");
    if (got < 0 && errno != EAGAIN && errno != EINTR) return errno_status("read from the other worker", errno);
    if (got < 0) {
      SLUICE_TRY(wait(POLLIN, deadline_ns));
      continue;
    }
    std::vector<UniqueFd> came = letter.attached();
    const bool unasked = !came.empty() && (descriptors == nullptr || !descriptors->empty());
    if ((letter.message.msg_flags & MSG_CTRUNC) != 0 || unasked)
      return fault("sent a descriptor that nobody asked for");
    if (!came.empty()) *descriptors = std::move(came);
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return Status();
}

// Memory is taken as bytes come, not as the length says.
Result<MoveStream::Received> MoveStream::receive(std::initializer_list<MoveFrame> kinds, std::uint64_t bytes_max,
                                                 Nanoseconds deadline_ns) const {
  Header header;
  Received received;
  SLUICE_TRY(read_all(std::as_writable_bytes(std::span(&header, 1)), &received.descriptors, deadline_ns));
  received.kind = header.kind;
  if (std::find(kinds.begin(), kinds.end(), header.kind) == kinds.end() || header.zero != 0)
    return fault("sent something else than what comes next");
  if (header.bytes > bytes_max) return fault("sent too much");
  while (received.bytes.size() < header.bytes) {
    const std::size_t had = received.bytes.size();
    received.bytes.resize(had + std::min<std::uint64_t>(header.bytes - had, std::max(step_bytes, had)));
    SLUICE_TRY(read_all(std::span(received.bytes).subspan(had), nullptr, deadline_ns));
  }
  return received;
}

}  // namespace sluice::worker
