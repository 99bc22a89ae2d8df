#include "daemon/server/sessions/session_memory.h"

#include <sys/eventfd.h>

#include <cerrno>

#include "daemon/sessions/worker_link.h"

namespace sluice::server {
namespace {

wire::MemoryIdentity identity_of(int fd) {
  const auto look = wire::look_at_memory(fd);
  return look.ok() ? look.value().identity : wire::MemoryIdentity();
}

Status make_terms(SessionMemory& memory, FenceSet without) {
  const auto peers = without.has(Fence::sealed_terms) ? wire::PeersMay::write : wire::PeersMay::read;
  auto terms = wire::SharedMemory::create("terms", terms_page_bytes, peers);
  if (!terms.ok()) return terms.status();
  memory.terms = terms.take();
  memory.kick.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return memory.kick.valid() ? Status() : errno_status("make an eventfd", errno);
}

Status not_noted(const char* what) {
  return Status(Code::permission_denied, std::string("its ") + what + " is not the memory that the session was given");
}

}  // namespace

Result<SessionMemory> SessionMemory::make(const SessionRecord& record, FenceSet without) {
  auto control = wire::SharedMemory::create("control", record.control_bytes);
  if (!control.ok()) return control.status();
  auto arena = wire::SharedMemory::create("arena", record.arena_bytes);
  if (!arena.ok()) return arena.status();
  auto report = wire::SharedMemory::create("report", report_page_bytes);
  if (!report.ok()) return report.status();
  SessionMemory memory;
  if (Status made = make_terms(memory, without); !made.ok()) return made;
  memory.control = control.value().take_fd();
  memory.arena = arena.value().take_fd();
  memory.report = report.take();
  return memory;
}

SessionMemoryNote SessionMemory::note() const {
  return {identity_of(control.get()), identity_of(arena.get()), identity_of(report.fd()), identity_of(terms.fd()), {}};
}

Result<AdoptedMemory> adopt_memory(const SessionNote& note, std::vector<UniqueFd>& offered, FenceSet without) {
  if (offered.size() != adopt_fds) return Status(Code::permission_denied, "it did not hand over its memory");
  const auto is = [&](AdoptFd which, const wire::MemoryIdentity& noted) {
    return noted.inode != 0 && identity_of(offered[which].get()) == noted;
  };
  if (!is(adopt_fd_control, note.memory.control)) return not_noted("command ring");
  if (!is(adopt_fd_arena, note.memory.arena)) return not_noted("arena");
  if (!is(adopt_fd_report, note.memory.report)) return not_noted("report page");
  if (!is(adopt_fd_terms, note.memory.terms) && !is(adopt_fd_terms, note.memory.terms_before))
    return not_noted("terms page");
  AdoptedMemory adopted;
  auto report = wire::SharedMemory::map(std::move(offered[adopt_fd_report]), report_page_bytes);
  if (!report.ok()) return report.status();
  auto before = wire::SharedMemory::map_to_read(std::move(offered[adopt_fd_terms]), terms_page_bytes);
  if (!before.ok()) return before.status();
  if (Status made = make_terms(adopted.memory, without); !made.ok()) return made;
  adopted.memory.control = std::move(offered[adopt_fd_control]);
  adopted.memory.arena = std::move(offered[adopt_fd_arena]);
  adopted.memory.report = report.take();
  adopted.terms_before = before.take();
  return adopted;
}

}  // namespace sluice::server
