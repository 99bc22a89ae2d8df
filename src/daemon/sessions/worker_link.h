// The private link between sluiced and its workers: messages over a SOCK_SEQPACKET socket.
//
// A worker is started with its end of the link as descriptor 3 (`worker_link_fd`), its adoption socket as descriptor 4,
// and the device to open on its command line. A tenant's kernel may be native code inside the worker, so what a worker
// sends is as hostile as what a program sends: parsed, bounded, and accepted only where the protocol has it. A worker
// sends each kind of message at most once for each daemon that it meets, and Kept once for each Give; it sends no
// descriptors but with Adopt.
//
// Each message is u32 magic | u32 version | u32 kind | u32 length, then as many bytes, which hold the parts that
// the kind has (the table in worker_link.cpp), in this order: devices, record, move, text. Devices and records
// are framed (record_frame.h).
//
//   worker -> daemon  Ready     its driver is loaded            + encoded DeviceTraits of its device
//                     Probed    answer to `--probe`             + count and DeviceTraits of every device
//                     Attached  the session's memory is mapped
//                     Ended     the session is over, and why; the worker exits soon
//                     Released  all that the session held is given back, so that its slice is free; the worker saves
//                               what later sessions gain from, for released_ns_max at most
//                     Adopt     to a new daemon, which connected to the adoption socket: here is a living session
//                                                               + descriptors in the order of AdoptFd
//                     Prepared  the target of a move has all of the session, and waits for the word (move_page.h)
//                     Moved     the target serves the session   + MoveReport
//                     Kept      the source serves on, and why: the move is aborted
//   daemon -> worker  Attach    serve this session              + descriptors in the order of AttachFd
//                     Give      move your session to another worker      + descriptors in the order of GiveFd
//                     Receive   another worker's session moves here      + descriptors in the order of ReceiveFd
//                     Adopted   answer to Adopt               + descriptors in the order of AdoptedFd
//                     Ended     end the session, for this reason
//                     ProgramGone  the program is dead: give all back
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "daemon/sessions/session_record.h"
#include "wire/device_traits.h"
#include "wire/transport/message_socket.h"

namespace sluice {

inline constexpr int worker_link_fd = 3;
inline constexpr std::uint32_t worker_link_version = 7;
// Of one message. A daemon that is sent more ends the worker.
inline constexpr std::size_t worker_message_bytes_max = 64 * 1024, probe_message_bytes_max = wire::message_bytes_max;
// Ready; Attached, or Prepared and Moved; Ended; Released: all that a worker may say to the daemon that started it,
// beside a Kept for each Give.
inline constexpr int worker_messages_max = 5;
// A longer text is cut by the sender.
inline constexpr std::size_t worker_text_bytes_max = 4096;
// A socket that the daemon has bound and the worker listens at once it serves a session: where the next daemon calls on
// it. Its place in the file system is one that only the daemon's user can enter.
inline constexpr int worker_adoption_fd = 4;
// The tenant's cache folder, in a worker that serves a session: a mount of its own. It stays open in what the worker
// starts, such as a linker, which finds the folder as worker_cache_path.
inline constexpr int worker_cache_fd = 9;
inline constexpr char worker_cache_path[] = "/proc/self/fd/9";

inline constexpr Nanoseconds released_ns_max = ns_per_s;

enum class WorkerMessageKind : std::uint32_t {
  ready = 1,
  probed,
  attached,
  ended,
  adopt,
  attach,
  adopted,
  released,
  program_gone,
  give,
  receive,
  prepared,
  moved,
  kept
};

enum AttachFd : std::size_t {
  attach_fd_control,  // wire::ControlPage and ring
  attach_fd_arena,
  attach_fd_report,   // ReportPage
  attach_fd_terms,    // TermsPage
  attach_fd_kick,     // an eventfd: the worker's word that its report asks for something
  attach_fd_session,  // the worker's end of the session socket
  attach_fd_output,   // the write end of the session's output pipe
  attach_fds_min,
  attach_fd_cache = attach_fds_min,  // the tenant's cache folder (tenant_cache.h); may be missing
  attach_fds_max,
};

// Of a move. The checkpoint goes over a stream socket whose ends the two workers get; the source ends it with its end
// of the session socket.
enum GiveFd : std::size_t { give_fd_word, give_fd_checkpoint, give_fds };
// The word, then as with Attach, with the checkpoint's socket in the place of the session's. The output goes nowhere at
// first: the program's ends of both come from the source, so that a daemon that did not make them can move the session.
inline constexpr std::size_t receive_fd_word = 0;

// What the worker has of the session's memory; only what the daemon's note has is believed (SessionNote).
enum AdoptFd : std::size_t { adopt_fd_control, adopt_fd_arena, adopt_fd_report, adopt_fd_terms, adopt_fds };
// In the place of what the worker has: where its stderr goes, its terms page, its eventfd.
enum AdoptedFd : std::size_t { adopted_fd_log, adopted_fd_terms, adopted_fd_kick, adopted_fds };

// What the target measured of a move.
struct MoveReport {
  Nanoseconds pause_ns = 0;          // from the source's last command to the target's first look at the ring
  std::uint64_t bytes = 0;           // of the checkpoint, in all rounds
  std::uint64_t bytes_in_pause = 0;  // of those
  std::uint32_t objects = 0, rounds = 0;
  friend bool operator==(const MoveReport&, const MoveReport&) = default;
};

struct WorkerMessage {
  WorkerMessageKind kind{};
  std::vector<wire::DeviceTraits> devices;  // ready (one), probed (all)
  SessionRecord record;                     // attach, adopt, receive
  MoveReport move;                          // moved
  std::string text;                         // ended, kept: the reason; ready, probed: an error, if not empty
};

// Parts that the kind does not have are left out.
std::vector<std::byte> encode_worker_message(const WorkerMessage& message);
// protocol_fault: malformed, of an unknown kind, or of another version; the reason says which.
Result<WorkerMessage> decode_worker_message(std::span<const std::byte> bytes);

}  // namespace sluice
