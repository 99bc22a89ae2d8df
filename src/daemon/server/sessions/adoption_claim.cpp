#include "daemon/server/sessions/adoption_claim.h"

#include <fcntl.h>

#include <algorithm>

#include "daemon/sessions/worker_link.h"

namespace sluice::server {
namespace {

// Only memory of memfd_create(2) has seals. Of anything else, fstat(2) may wait for the server of its file system.
bool is_memory(int fd) { return fcntl(fd, F_GET_SEALS) >= 0; }

Status check_descriptors(const std::vector<UniqueFd>& fds) {
  if (fds.size() != adopt_fds) return Status(Code::permission_denied, "it brought other descriptors than it was given");
  const bool all_memory = std::all_of(fds.begin(), fds.end(), [](const UniqueFd& fd) { return is_memory(fd.get()); });
  return all_memory ? Status()
                    : Status(Code::permission_denied, "it brought another kind of descriptor than it was given");
}

}  // namespace

Status check_claim(const UntrustedMessage& message, const SessionNote& note) {
  SLUICE_TRY(message.status);
  const auto claim = SLUICE_TRY(decode_worker_message(message.bytes));
  if (claim.kind != WorkerMessageKind::adopt) return Status(Code::permission_denied, "it did not ask to be taken over");
  if (!(claim.record == note.record))
    return Status(Code::permission_denied, "it speaks of another session than it was given");
  return check_descriptors(message.fds);
}

}  // namespace sluice::server
