#include "daemon/sessions/session_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "daemon/sessions/worker_link.h"

namespace sluice {
namespace {

SessionRecord small() {
  SessionRecord record;
  record.control_bytes = record.arena_bytes = 1 << 20;
  record.bindings = {{0, 1}};
  return record;
}

UniqueFd copy(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

// As a worker hands it over.
std::vector<UniqueFd> offered(const SessionMemory& memory) {
  std::vector<UniqueFd> fds(adopt_fds);
  fds[adopt_fd_control] = copy(memory.control.fd());
  fds[adopt_fd_arena] = copy(memory.arena.fd());
  fds[adopt_fd_report] = copy(memory.bindings[0].report.fd());
  fds[adopt_fd_terms] = copy(memory.bindings[0].terms.fd());
  return fds;
}

TEST_CASE("a worker can map its terms for reading alone, and change them by no other way") {
  const auto memory = SessionMemory::make(small(), {}).take();
  const int fd = memory.bindings[0].terms.fd();
  memory.bindings[0].terms_page().cap_milli = 500;
  CHECK(mmap(nullptr, terms_page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  void* page = mmap(nullptr, terms_page_bytes, PROT_READ, MAP_SHARED, fd, 0);
  REQUIRE(page != MAP_FAILED);
  CHECK(mprotect(page, terms_page_bytes, PROT_READ | PROT_WRITE) != 0);
  const char byte = 0;
  CHECK(pwrite(fd, &byte, 1, 0) != 1);
  CHECK(ftruncate(fd, 0) != 0);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, terms_page_bytes) != 0);
  CHECK(static_cast<TermsPage*>(page)->cap_milli == 500);
  memory.bindings[0].terms_page().cap_milli = 250;  // the daemon still can
  CHECK(static_cast<TermsPage*>(page)->cap_milli == 250);
  munmap(page, terms_page_bytes);
  auto mapped = wire::SharedMemory::map_to_read(copy(fd), terms_page_bytes);
  REQUIRE(mapped.ok());
  CHECK(mprotect(mapped.value().data(), terms_page_bytes, PROT_READ | PROT_WRITE) != 0);
}

TEST_CASE("without the fence of sealed terms a worker can write them") {
  FenceSet without;
  without.add(Fence::sealed_terms);
  const auto memory = SessionMemory::make(small(), without).take();
  auto mapped = wire::SharedMemory::map_to_read(copy(memory.bindings[0].terms.fd()), terms_page_bytes);
  REQUIRE(mapped.ok());
  reinterpret_cast<TermsPage*>(mapped.value().data())->memory_granted_bytes = 7;
  CHECK(memory.bindings[0].terms_page().memory_granted_bytes == 7);
}

TEST_CASE("each binding of a session has pages of its own, beside one ring and one arena") {
  SessionRecord record = small();
  record.bindings.push_back({1, 2});
  const auto memory = SessionMemory::make(record, {}).take();
  REQUIRE(memory.bindings.size() == 2);
  memory.bindings[0].terms_page().cap_milli = 100;
  memory.bindings[1].terms_page().cap_milli = 200;
  CHECK(memory.bindings[0].terms_page().cap_milli == 100);
  const SessionMemoryNote note = memory.note();
  CHECK_FALSE(note.bindings[0].report == note.bindings[1].report);
  CHECK(memory.arena.data() == nullptr);  // held, and never looked into
}

TEST_CASE("a session's own memory is taken over, with a terms page and an eventfd of the new daemon's") {
  const auto memory = SessionMemory::make(small(), {}).take();
  const SessionNote note{small(), memory.note()};
  auto fds = offered(memory);
  auto adopted = adopt_memory(note, fds, {});
  REQUIRE(adopted.ok());
  const SessionMemoryNote now = adopted.value().memory.note();
  CHECK(now.bindings[0].report == note.memory.bindings[0].report);
  CHECK(now.arena == note.memory.arena);
  CHECK_FALSE(now.bindings[0].terms == note.memory.bindings[0].terms);
  CHECK(adopted.value().memory.bindings[0].kick.valid());
}

TEST_CASE("memory that the daemon did not give the session is not taken over, whichever of it it stands for") {
  const auto memory = SessionMemory::make(small(), {}).take();
  const auto other = SessionMemory::make(small(), {}).take();
  const SessionNote note{small(), memory.note()};
  for (std::size_t which = 0; which < adopt_fds; ++which) {
    auto fds = offered(memory), others = offered(other);
    fds[which] = std::move(others[which]);
    const auto refused = adopt_memory(note, fds, {});
    CHECK(refused.status().code() == Code::permission_denied);
  }
  auto fds = offered(memory);
  fds.pop_back();
  CHECK_FALSE(adopt_memory(note, fds, {}).ok());
  fds = offered(memory);
  CHECK_FALSE(adopt_memory(SessionNote{small(), {{}, {}, {{}}}}, fds, {}).ok());
}

TEST_CASE("a daemon that dies between its note and its word to the worker leaves a session that can be taken over") {
  const auto memory = SessionMemory::make(small(), {}).take();
  SessionNote note{small(), memory.note()};
  note.memory.bindings[0].terms_before = note.memory.bindings[0].terms;
  note.memory.bindings[0].terms = {1, 2};
  auto fds = offered(memory);
  CHECK(adopt_memory(note, fds, {}).ok());
}

}  // namespace
}  // namespace sluice
