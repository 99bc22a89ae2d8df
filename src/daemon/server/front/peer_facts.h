// What the kernel says about the process at the other end of a socket, for rules to look at (identity.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/server/front/identity.h"
#include "daemon/server/front/peer.h"

namespace sluice::server {

// `socket`: connected, and identified as `peer` before. Never blocks.
PeerFacts facts_about(int socket, const Peer& peer);

// The path in the line of cgroup version 2 ("0::/path") of a /proc/PID/cgroup. Nothing: it has none that is whole, or
// lies outside of what this process can see.
std::optional<std::string> parse_cgroup(std::string_view contents);

}  // namespace sluice::server
