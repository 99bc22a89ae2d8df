// What a worker of an earlier daemon claims, compared with what that daemon noted of it.
#pragma once

#include "base/status.h"
#include "daemon/server/runtime/untrusted_socket.h"
#include "daemon/sessions/session_record.h"

namespace sluice::server {

// Ok: the message is Adopt, of the very session that was noted, with the descriptors of AdoptFd and no other, each of
// the kind that it must be. Asks nothing of a descriptor that its maker could answer late.
Status check_claim(const UntrustedMessage& message, const SessionNote& note);

}  // namespace sluice::server
