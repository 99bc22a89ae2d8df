// The three interfaces of the transport, and the clock, on both implementations.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/wire/transport/in_process.h"
#include "wire/transport/socket_channel.h"

namespace sluice::wire {
namespace {

constexpr std::size_t bytes = 2 * 4096;

FutexWord& word_in(std::span<std::byte> memory) { return *reinterpret_cast<FutexWord*>(memory.data()); }

std::vector<std::byte> message_of(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

struct Pair {
  std::unique_ptr<Channel> a, b;
};

Pair socket_pair() {
  auto sockets = MessageSocket::pair();
  REQUIRE(sockets.ok());
  return {std::make_unique<SocketChannel>(std::move(sockets.value().first)),
          std::make_unique<SocketChannel>(std::move(sockets.value().second))};
}

Pair queue_pair() {
  auto [a, b] = test::make_channel();
  return {std::move(a), std::move(b)};
}

bool readable(const Channel& channel) {
  pollfd awaited{channel.poll_fd(), POLLIN, 0};
  return ::poll(&awaited, 1, 0) == 1;
}

TEST_CASE("what one side writes the other reads, at an address of its own") {
  const test::InProcessTransport transport(bytes, bytes);
  CHECK(transport.program.arena.data() != transport.worker.arena.data());
  transport.program.arena[100] = std::byte{7};
  CHECK(transport.worker.arena[100] == std::byte{7});
}

TEST_CASE("a wake-up for the peer arrives as a message") {
  const test::InProcessTransport transport(bytes, bytes);
  FutexWord &theirs = word_in(transport.worker.arena), &ours = word_in(transport.program.arena);
  std::thread sleeper([&] {
    while (theirs.load() == 0) transport.worker.doorbell.wait(theirs, 0);
  });
  ::usleep(2'000);
  ours.store(1);
  transport.program.doorbell.wake_peer(ours);
  sleeper.join();
  CHECK(transport.wakes_received() == 1);
}

TEST_CASE("without the message nobody of the other side wakes") {
  const test::InProcessTransport transport(bytes, bytes);
  FutexWord &theirs = word_in(transport.worker.arena), &ours = word_in(transport.program.arena);
  const Nanoseconds deadline_ns = now_ns() + 30 * ns_per_ms;
  std::thread sleeper([&] {
    while (now_ns() < deadline_ns) transport.worker.doorbell.wait(theirs, 0, deadline_ns);
  });
  ::usleep(2'000);
  transport.program.doorbell.wake_own(ours);
  futex_wake_all(ours);
  sleeper.join();
  CHECK(now_ns() >= deadline_ns);
  CHECK(transport.wakes_received() == 0);
}

TEST_CASE("a side that sleeps on a word of the peer's and one of its own wakes for either") {
  const test::InProcessTransport transport(bytes, bytes);
  const Doorbell local, remote = transport.worker.doorbell;
  FutexWord plain{0}, own{0}, &shared = word_in(transport.worker.control);
  for (const auto& [doorbell, word] : {std::pair<Doorbell, FutexWord*>(local, &plain), {remote, &shared}}) {
    own.store(0);
    std::thread sleeper([&, doorbell = doorbell, word = word] {
      while (word->load() == 0 && own.load() == 0) doorbell.wait_either(*word, 0, own, 0);
    });
    ::usleep(1'000);
    own.store(1);
    futex_wake_all(own);
    sleeper.join();
    own.store(0);
    std::thread other([&, doorbell = doorbell, word = word] {
      while (word->load() == 0) doorbell.wait_either(*word, 0, own, 0);
    });
    ::usleep(1'000);
    word->store(1);
    doorbell.wake_own(*word);
    other.join();
  }
  SUCCEED("none hung");
}

TEST_CASE("messages pass whole and in order, and the end of a side shows, on every channel") {
  for (const auto make : {socket_pair, queue_pair}) {
    const Pair ends = make();
    CHECK_FALSE(readable(*ends.b));
    CHECK(ends.b->receive(now_ns()).status().code() == Code::deadline_exceeded);
    REQUIRE(ends.a->send(message_of("first"), now_ns() + ns_per_s).ok());
    REQUIRE(ends.a->send(message_of("second"), now_ns() + ns_per_s).ok());
    CHECK(readable(*ends.b));
    CHECK(ends.b->receive(now_ns() + ns_per_s).value() == message_of("first"));
    CHECK(ends.b->receive(now_ns() + ns_per_s).value() == message_of("second"));
    ends.a->close();
    CHECK(ends.a->poll_fd() == -1);
    CHECK(readable(*ends.b));
    CHECK(ends.b->receive(now_ns() + ns_per_s).status().code() == Code::unavailable);
  }
}

TEST_CASE("a message with a descriptor is refused by a socket's channel") {
  auto sockets = MessageSocket::pair();
  REQUIRE(sockets.ok());
  SocketChannel channel(std::move(sockets.value().second));
  const int fd = STDOUT_FILENO;
  REQUIRE(sockets.value().first.send(message_of("with"), std::span(&fd, 1), now_ns() + ns_per_s).ok());
  CHECK(channel.receive(now_ns() + ns_per_s).status().code() == Code::protocol_fault);
}

TEST_CASE("a region of shared memory is that memory, and gives its pages back") {
  auto memory = SharedMemory::create("region-test", bytes);
  REQUIRE(memory.ok());
  std::byte* const where = memory.value().data();
  const Region region(memory.take());
  CHECK(region.data() == where);
  CHECK(region.size() == bytes);
  std::fill_n(region.data(), bytes, std::byte{7});
  region.discard(4096, 4096);
  CHECK(region.data()[4095] == std::byte{7});
  CHECK(region.data()[4096] == std::byte{0});
}

TEST_CASE("a region of somebody else's mapping is used as it is, and not given back") {
  alignas(4096) static std::byte mapped[bytes];
  {
    const Region region{std::span(mapped)};
    region.data()[4099] = std::byte{9};
    region.discard(4096, 4096);
  }
  CHECK(mapped[4099] == std::byte{9});
}

TEST_CASE("times of a peer are brought to our clock, whichever is ahead") {
  CHECK(PeerClock().to_own(1'000) == 1'000);
  CHECK(PeerClock(300).to_own(1'000) == 700);
  CHECK(PeerClock(-300).to_own(1'000) == 1'300);
  CHECK(PeerClock(INT64_MIN).to_own(UINT64_MAX) == UINT64_MAX / 2);  // nonsense, and no more than that
}

}  // namespace
}  // namespace sluice::wire
