#include "daemon/server/front/peer.h"

#include <sys/socket.h>

#include <cerrno>

#include "daemon/server/runtime/process.h"

namespace sluice::server {
namespace {

// Linux 6.5; newer than Debian 12's headers.
#ifdef SO_PEERPIDFD
constexpr int so_peerpidfd = SO_PEERPIDFD;
#else
constexpr int so_peerpidfd = 77;
#endif

}  // namespace

Result<Peer> identify_peer(int socket) {
  Peer peer;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return errno_status("ask who is at the other end", errno);
  peer.credentials = {credentials.pid, credentials.uid, credentials.gid};
  int pidfd = -1;
  size = sizeof pidfd;
  // The kernel's own pidfd cannot be of a later process with the same number; older kernels have only the number.
  if (getsockopt(socket, SOL_SOCKET, so_peerpidfd, &pidfd, &size) != 0)
    pidfd = errno == ENOPROTOOPT ? open_pidfd(credentials.pid).release() : -1;
  if (pidfd < 0) return Status(Code::not_found, "the process at the other end is gone");
  peer.pidfd.reset(pidfd);
  return peer;
}

}  // namespace sluice::server
