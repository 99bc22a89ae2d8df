#include "daemon/sessions/session_memory.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <string>

#include "base/contract.h"
#include "wire/ring.h"

namespace sluice {
namespace {

wire::MemoryIdentity identity_of(int fd) {
  const auto look = wire::look_at_memory(fd);
  return look.ok() ? look.value().identity : wire::MemoryIdentity();
}

Result<wire::SharedMemory> make_held(const char* label, std::uint64_t bytes) {
  return wire::SharedMemory::hold(SLUICE_TRY(wire::SharedMemory::create(label, bytes)).take_fd());
}

Status make_terms(BindingMemory& binding, FenceSet without) {
  const auto peers = without.has(Fence::sealed_terms) ? wire::PeersMay::write : wire::PeersMay::read;
  binding.terms = SLUICE_TRY(wire::SharedMemory::create("terms", terms_page_bytes, peers));
  binding.kick.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return binding.kick.valid() ? Status() : errno_status("make an eventfd", errno);
}

Status not_noted(const char* what) {
  return Status(Code::permission_denied, std::string("its ") + what + " is not the memory that the session was given");
}

// The binding whose pages these are.
const BindingMemoryNote* find_binding(const SessionMemoryNote& note, int report) {
  const wire::MemoryIdentity identity = identity_of(report);
  for (const BindingMemoryNote& binding : note.bindings)
    if (binding.report.inode != 0 && binding.report == identity) return &binding;
  return nullptr;
}

}  // namespace

Result<BindingMemory> make_binding_memory(FenceSet without) {
  BindingMemory binding;
  binding.report = SLUICE_TRY(wire::SharedMemory::create("report", report_page_bytes));
  SLUICE_TRY(make_terms(binding, without));
  return binding;
}

BindingMemoryNote note_of(const BindingMemory& binding) {
  return {identity_of(binding.report.fd()), identity_of(binding.terms.fd()), {}};
}

Result<SessionMemory> SessionMemory::make(const SessionRecord& record, FenceSet without) {
  SLUICE_REQUIRE(!record.bindings.empty());
  SessionMemory memory;
  memory.control = SLUICE_TRY(make_held("control", record.control_bytes));
  memory.arena = SLUICE_TRY(make_held("arena", record.arena_bytes));
  for (std::size_t i = 0; i < record.bindings.size(); ++i)
    memory.bindings.push_back(SLUICE_TRY(make_binding_memory(without)));
  return memory;
}

Result<SessionMemory> SessionMemory::attach(const SessionRecord& record, std::vector<UniqueFd>& fds) {
  if (fds.size() < attach_fds_min || fds.size() > attach_fds_max)
    return Status(Code::protocol_fault, "the attach message lacks descriptors");
  if (record.control_bytes != wire::control_bytes)
    return Status(Code::protocol_fault, "the attach message makes no sense");
  const auto take = [&fds](AttachFd which) { return std::move(fds[which]); };
  SessionMemory memory;
  memory.control = SLUICE_TRY(wire::SharedMemory::map(take(attach_fd_control), wire::control_bytes));
  memory.arena = SLUICE_TRY(wire::SharedMemory::map(take(attach_fd_arena), record.arena_bytes, record.arena_address));
  BindingMemory binding;
  binding.report = SLUICE_TRY(wire::SharedMemory::map(take(attach_fd_report), report_page_bytes));
  binding.terms = SLUICE_TRY(wire::SharedMemory::map_to_read(take(attach_fd_terms), terms_page_bytes));
  binding.kick = take(attach_fd_kick);
  memory.bindings.push_back(std::move(binding));
  return memory;
}

SessionMemoryNote SessionMemory::note() const {
  SessionMemoryNote note{identity_of(control.fd()), identity_of(arena.fd()), {}};
  for (const BindingMemory& binding : bindings) note.bindings.push_back(note_of(binding));
  return note;
}

Result<AdoptedMemory> adopt_memory(const SessionNote& note, std::vector<UniqueFd>& offered, FenceSet without) {
  if (offered.size() != adopt_fds) return Status(Code::permission_denied, "it did not hand over its memory");
  const auto is = [&](AdoptFd which, const wire::MemoryIdentity& noted) {
    return noted.inode != 0 && identity_of(offered[which].get()) == noted;
  };
  if (!is(adopt_fd_control, note.memory.control)) return not_noted("command ring");
  if (!is(adopt_fd_arena, note.memory.arena)) return not_noted("arena");
  const BindingMemoryNote* noted = find_binding(note.memory, offered[adopt_fd_report].get());
  if (noted == nullptr) return not_noted("report page");
  if (!is(adopt_fd_terms, noted->terms) && !is(adopt_fd_terms, noted->terms_before)) return not_noted("terms page");
  AdoptedMemory adopted;
  BindingMemory binding;
  binding.report = SLUICE_TRY(wire::SharedMemory::map(std::move(offered[adopt_fd_report]), report_page_bytes));
  adopted.terms_before =
      SLUICE_TRY(wire::SharedMemory::map_to_read(std::move(offered[adopt_fd_terms]), terms_page_bytes));
  SLUICE_TRY(make_terms(binding, without));
  adopted.memory.control = wire::SharedMemory::hold(std::move(offered[adopt_fd_control]));
  adopted.memory.arena = wire::SharedMemory::hold(std::move(offered[adopt_fd_arena]));
  adopted.memory.bindings.push_back(std::move(binding));
  return adopted;
}

}  // namespace sluice
