// The private link between sluiced and its workers: messages over a SOCK_SEQPACKET socket.
//
// A worker is started with its end of the link as descriptor 3 (`worker_link_fd`) and the device to open on its
// command line. Both sides are ours, but a kernel that runs on a CPU device runs inside the worker: what a worker says
// is checked like a tenant's word, and can only harm its own session.
//
//   worker -> daemon  Ready     its driver is loaded            + encoded DeviceTraits of its device
//                     Probed    answer to `--probe`             + count and DeviceTraits of every device
//                     Attached  the session's memory is mapped
//                     Ended     the session is over, and why; the worker exits soon
//                     Released  all that the session held is given back, so that its slice is free; the worker saves
//                               what later sessions gain from, for released_ns_max at most
//                     Adopt     to a new daemon, which called at the worker's door: here is a living session
//                                                               + descriptors in the order of AdoptFd
//   daemon -> worker  Attach    serve this session              + descriptors in the order of AttachFd
//                     Adopted   answer to Adopt
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "wire/device_traits.h"
#include "wire/handshake.h"

namespace sluice {

inline constexpr int worker_link_fd = 3;
// In the worker's own folder: where a worker that serves a session can be called on by the next daemon.
inline constexpr char worker_door_name[] = "door.sock";

inline constexpr Nanoseconds released_ns_max = ns_per_s;

enum class WorkerMessageKind : std::uint32_t { ready = 1, probed, attached, ended, adopt, attach, adopted, released };

enum AttachFd : std::size_t {
  attach_fd_control,  // wire::ControlPage and ring
  attach_fd_arena,
  attach_fd_meter,    // metering::MeterPage
  attach_fd_tenant,   // TenantPage
  attach_fd_lease,    // LeasePage
  attach_fd_kick,     // an eventfd: the worker's word that its lease page has changed
  attach_fd_session,  // the worker's end of the session socket
  attach_fd_client,   // a pidfd of the program
  attach_fd_stdout,   // only if SessionRecord::has_output: the program's stdout and stderr
  attach_fd_stderr,
};

enum AdoptFd : std::size_t { adopt_fd_meter, adopt_fd_tenant, adopt_fd_lease, adopt_fd_kick, adopt_fds };

// All that a daemon must know to account for a session, and all that a worker must know to serve it. Plain data: it
// goes to the worker with Attach and comes back with Adopt.
struct SessionRecord {
  std::uint64_t session_id = 0;
  std::uint64_t memory_limit_bytes = 0;  // the tenant's
  std::uint64_t control_bytes = 0, arena_bytes = 0;
  std::uint64_t arena_address = 0;  // wire::arena_home
  std::uint64_t started_unix_ns = 0;
  std::uint32_t device_index = 0;
  std::uint32_t tenant_slot = 0;  // in the TenantPage
  std::uint32_t gpu_milli = 0;
  std::uint32_t client_pid = 0, client_uid = 0, client_gid = 0;
  std::uint32_t has_output = 0;
  std::uint32_t worker_number = 0;
  char tenant[wire::name_bytes_max] = {};
  char program[wire::name_bytes_max] = {};
};
static_assert(sizeof(SessionRecord) == 208);

struct WorkerMessage {
  WorkerMessageKind kind{};
  std::vector<wire::DeviceTraits> devices;  // ready (one), probed (all)
  SessionRecord record;                     // attach, adopt
  std::string cache_folder;                 // attach: the tenant's own; may be empty
  std::string text;                         // ended: the reason; ready, probed: an error, if not empty
};

std::vector<std::byte> encode_worker_message(const WorkerMessage& message);
Result<WorkerMessage> decode_worker_message(std::span<const std::byte> bytes);

}  // namespace sluice
