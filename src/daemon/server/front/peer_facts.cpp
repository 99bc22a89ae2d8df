#include "daemon/server/front/peer_facts.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "daemon/server/runtime/files.h"

namespace sluice::server {
namespace {

constexpr std::size_t groups_at_first = 64;
constexpr std::size_t groups_max = 65536;  // NGROUPS_MAX

std::vector<std::uint32_t> groups_of(int socket) {
  static_assert(sizeof(gid_t) == sizeof(std::uint32_t));
  std::vector<std::uint32_t> groups(groups_at_first);
  for (int tries = 0; tries < 2; ++tries) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool told = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0;
    if (!told && (errno != ERANGE || bytes > groups_max * sizeof(gid_t))) break;
    groups.resize(bytes / sizeof(gid_t));
    if (told) return groups;
  }
  return {};
}

bool lives(const UniqueFd& pidfd) {
  pollfd ended{pidfd.get(), POLLIN, 0};
  return poll(&ended, 1, 0) == 0;
}

// While the process lives its number is no other's: what was read before is about it.
std::optional<std::string> cgroup_of(const Peer& peer) {
  const std::string contents = read_kernel_file("/proc/" + std::to_string(peer.credentials.pid) + "/cgroup");
  return lives(peer.pidfd) ? parse_cgroup(contents) : std::nullopt;
}

}  // namespace

std::optional<std::string> parse_cgroup(std::string_view contents) {
  while (!contents.empty()) {
    const std::size_t end = contents.find('\n');
    if (end == std::string_view::npos) return std::nullopt;  // cut off: the path may be longer
    const std::string_view line = contents.substr(0, end);
    if (line.starts_with("0::/") && !line.starts_with("0::/..")) return std::string(line.substr(3));
    contents.remove_prefix(end + 1);
  }
  return std::nullopt;
}

PeerFacts facts_about(int socket, const Peer& peer) {
  return {peer.credentials.uid, peer.credentials.gid, groups_of(socket), cgroup_of(peer)};
}

}  // namespace sluice::server
