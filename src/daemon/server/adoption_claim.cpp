#include "daemon/server/adoption_claim.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "daemon/sessions/worker_link.h"

namespace sluice::server {
namespace {

// Only memory of memfd_create(2) has seals. Of anything else, fstat(2) may wait for whoever serves its file system.
bool is_memory(int fd) { return fcntl(fd, F_GET_SEALS) >= 0; }

bool is_eventfd(int fd) {
  constexpr std::string_view wanted = "anon_inode:[eventfd]";
  char name[64];
  const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
  return length > 0 && std::string_view(name, static_cast<std::size_t>(length)) == wanted;
}

Status check_descriptors(const std::vector<UniqueFd>& fds) {
  if (fds.size() != adopt_fds) return Status(Code::permission_denied, "it brought other descriptors than it was given");
  for (std::size_t at = 0; at < adopt_fds; ++at) {
    const int fd = fds[at].get();
    if (at == adopt_fd_kick ? !is_eventfd(fd) : !is_memory(fd))
      return Status(Code::permission_denied, "it brought another kind of descriptor than it was given");
  }
  return Status();
}

}  // namespace

Status check_claim(const StrangeMessage& message, const SessionNote& note) {
  if (!message.status.ok()) return message.status;
  const auto claim = decode_worker_message(message.bytes);
  if (!claim.ok()) return claim.status();
  if (claim.value().kind != WorkerMessageKind::adopt)
    return Status(Code::permission_denied, "it did not ask to be taken over");
  if (!(claim.value().record == note.record))
    return Status(Code::permission_denied, "it speaks of another session than it was given");
  return check_descriptors(message.fds);
}

}  // namespace sluice::server
