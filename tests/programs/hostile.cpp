// A tenant that means harm: speaks the protocol's outer layer and then writes rubbish. `hostile MODE SEED`, with the
// pool's tenant socket in SLUICE_SOCKET. Prints what became of it; the scenario checks that nobody else noticed.
//   hello      random bytes, too short, too long, and almost right, as the first message
//   slow       many connections that never say anything
//   silent     attaches, and takes the worker nowhere
//   garbage    random bytes in the ring
//   positions  impossible positions of the ring
//   frames     whole commands with random fields
//   scribble   true commands, while another thread rewrites everything that is shared
//   flood      objects without end
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "wire/handshake.h"
#include "wire/ring.h"
#include "wire/timeline.h"
#include "wire/transport/message_socket.h"
#include "wire/transport/shared_memory.h"

namespace {

using namespace sluice;

std::mt19937_64 random_source;
std::uint64_t any(std::uint64_t below) { return random_source() % below; }

std::string socket_path() {
  const char* path = std::getenv("SLUICE_SOCKET");
  if (path == nullptr) std::exit(2);
  return path;
}

Nanoseconds within_s(unsigned seconds) { return now_ns() + seconds * ns_per_s; }

struct Joined {
  wire::SharedMemory control, arena;
  wire::MessageSocket link;
};

wire::AttachRequest request_as(const char* tenant) {
  wire::AttachRequest request;
  wire::set_text(request.tenant, tenant);
  wire::set_text(request.program, "hostile");
  return request;
}

std::unique_ptr<Joined> join() {
  const auto request = request_as("mallory");
  auto socket = wire::MessageSocket::connect(socket_path());
  if (!socket.ok()) return nullptr;
  if (!socket.value().send(std::as_bytes(std::span(&request, 1)), {}, within_s(5)).ok()) return nullptr;
  auto message = socket.value().receive(within_s(15));
  if (!message.ok() || message.value().fds.size() != wire::reply_fds) return nullptr;
  const auto reply = wire::decode_attach_reply(message.value().bytes);
  if (!reply.ok() || reply.value().reply.granted == 0) return nullptr;
  auto& fds = message.value().fds;
  auto control = wire::SharedMemory::map(std::move(fds[0]), reply.value().reply.control_bytes);
  auto arena = wire::SharedMemory::map(std::move(fds[1]), reply.value().reply.arena_bytes);
  if (!control.ok() || !arena.ok()) return nullptr;
  return std::make_unique<Joined>(Joined{control.take(), arena.take(), wire::MessageSocket(std::move(fds[2]))});
}

bool ended(const Joined& joined, int wait_ms) {
  pollfd watch{joined.link.fd(), POLLIN | POLLRDHUP, 0};
  return ::poll(&watch, 1, wait_ms) > 0;
}

const char* fate(const Joined& joined, int wait_ms) { return ended(joined, wait_ms) ? "ended" : "survived"; }

void scribble(std::span<std::byte> over) {
  for (std::size_t i = 0; i + 8 <= over.size(); i += 8) {
    const std::uint64_t value = random_source();
    std::memcpy(over.data() + i, &value, sizeof value);
  }
}

int hello() {
  for (int i = 0; i < 60; ++i) {
    auto socket = wire::MessageSocket::connect(socket_path());
    if (!socket.ok()) return std::puts("no pool"), 1;
    auto request = request_as("mallory");
    auto bytes = std::as_writable_bytes(std::span(&request, 1));
    std::vector<std::byte> message(bytes.begin(), bytes.end());
    if (i % 3 == 0) message.resize(any(4096));
    if (i % 3 == 0) scribble(message);
    if (i % 3 == 1) message[any(message.size())] ^= std::byte{0x81};
    if (i % 3 == 2) message.resize(any(2) == 0 ? any(message.size()) : wire::message_bytes_max - 64);
    if (message.empty()) message.resize(1);
    (void)socket.value().send(message, {}, within_s(1));
    (void)socket.value().receive(within_s(i % 3 == 1 ? 1 : 3));
  }
  std::puts("said hello");
  return 0;
}

int slow() {
  std::vector<wire::MessageSocket> sockets;
  for (int i = 0; i < 50; ++i) {
    auto socket = wire::MessageSocket::connect(socket_path());
    if (!socket.ok()) break;
    sockets.push_back(socket.take());
  }
  std::printf("connected\n");
  std::fflush(stdout);
  int closed = 0;
  for (const auto& socket : sockets) {
    pollfd watch{socket.fd(), POLLIN | POLLRDHUP, 0};
    closed += ::poll(&watch, 1, 20'000) > 0 ? 1 : 0;
  }
  std::printf("%s\n", closed == static_cast<int>(sockets.size()) ? "all were closed" : "some are open still");
  return 0;
}

const char* garbage(Joined& joined) {
  auto& page = *reinterpret_cast<wire::ControlPage*>(joined.control.data());
  scribble(joined.control.bytes().subspan(wire::ring_at));
  page.written.store((1 + any(wire::ring_bytes / 8)) * 8);
  page.reader_sleeps.store(0);
  wire::futex_wake_all(page.reader_sleeps);
  return fate(joined, 5000);
}

const char* positions(Joined& joined) {
  auto& page = *reinterpret_cast<wire::ControlPage*>(joined.control.data());
  const std::array<std::uint64_t, 5> impossible{7, UINT64_MAX, wire::ring_bytes + 8, std::uint64_t{1} << 63, 4};
  page.written.store(impossible[any(impossible.size())]);
  page.reader_sleeps.store(0);
  wire::futex_wake_all(page.reader_sleeps);
  return fate(joined, 5000);
}

constexpr std::array<std::uint16_t, 28> ops{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 32, 33,
                                            34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47};

// Values near the edges that checks tend to forget.
std::uint64_t odd_number() {
  switch (any(8)) {
    case 0: return any(16);
    case 1: return UINT64_MAX - any(16);
    case 2: return std::uint64_t{1} << any(64);
    case 3: return (std::uint64_t{1} << any(64)) - 1;
    case 4: return any(4096) * 64;
    case 5: return 0;
    case 6: return any(1 << 20);
    default: return random_source();
  }
}

bool post_random_frame(wire::RingWriter& ring) {
  std::array<std::byte, 512> frame{};
  const std::size_t words = 1 + any(frame.size() / 8 - 1);
  for (std::size_t i = 1; i < words; ++i) {
    const std::uint64_t value = odd_number();
    std::memcpy(frame.data() + i * 8, &value, 8);
  }
  const wire::CommandHeader header{static_cast<wire::Op>(any(20) == 0 ? any(65536) : ops[any(ops.size())]), 0,
                                   static_cast<std::uint32_t>(words * 8)};
  std::memcpy(frame.data(), &header, sizeof header);
  return ring.post(std::span(frame).first(words * 8));
}

// Stops the writer when the worker goes, so that a full ring holds nobody.
class Watch {
 public:
  Watch(const Joined& joined, wire::RingWriter& ring)
      : thread_([&] {
          while (!done_ && !ended(joined, 20)) {
          }
          ring.stop();
        }) {}
  ~Watch() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

const char* frames(Joined& joined) {
  wire::RingWriter ring(joined.control.bytes(), {});
  Watch watch(joined, ring);
  // Some true objects first, so that random small ids name something.
  for (wire::ObjectId id = 1; id <= 4; ++id) {
    wire::BufferCreate create;
    create.call.header = {wire::Op::buffer_create, 0, sizeof create};
    create.call.reply_at = 64 * id;
    create.id = id;
    create.bytes = 4096;
    create.arena_at = 65536 * id;
    ring.post(std::as_bytes(std::span(&create, 1)));
    wire::QueueCreate queue;
    queue.header = {wire::Op::queue_create, 0, sizeof queue};
    queue.id = 4 + id;
    queue.timeline_at = 4096 + 64 * id;
    queue.out_of_order = static_cast<std::uint32_t>(id % 2);
    ring.post(std::as_bytes(std::span(&queue, 1)));
  }
  for (int i = 0; i < 3000 && post_random_frame(ring); ++i) {
  }
  return fate(joined, 300);
}

const char* rewrite_all(Joined& joined) {
  wire::RingWriter ring(joined.control.bytes(), {});
  Watch watch(joined, ring);
  std::atomic<bool> done{false};
  std::thread vandal([&] {
    std::minstd_rand here(7);
    while (!done) {
      auto* at = joined.control.data() + here() % wire::control_bytes / 8 * 8;
      const std::uint64_t value = here();
      std::memcpy(at, &value, 8);
      std::memcpy(joined.arena.data() + here() % 65536, &value, 8);
    }
  });
  for (int i = 0; i < 3000 && post_random_frame(ring); ++i) {
  }
  done = true;
  vandal.join();
  return fate(joined, 300);
}

const char* flood(Joined& joined) {
  wire::RingWriter ring(joined.control.bytes(), {});
  Watch watch(joined, ring);
  for (wire::ObjectId id = 1; id < 3'000'000; ++id) {
    wire::UserEventCreate create;
    create.header = {wire::Op::user_event_create, 0, sizeof create};
    create.id = id;
    if (!ring.post(std::as_bytes(std::span(&create, 1)))) break;
  }
  return fate(joined, 2000);
}

int attached(const std::string& mode) {
  const auto joined = join();
  if (!joined) return std::puts("not let in"), 1;
  const char* verdict = mode == "garbage"     ? garbage(*joined)
                        : mode == "positions" ? positions(*joined)
                        : mode == "frames"    ? frames(*joined)
                        : mode == "scribble"  ? rewrite_all(*joined)
                        : mode == "flood"     ? flood(*joined)
                                              : fate(*joined, 1000);
  std::printf("%s: %s\n", mode.c_str(), verdict);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "frames";
  random_source.seed(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  if (mode == "hello") return hello();
  if (mode == "slow") return slow();
  return attached(mode);
}
