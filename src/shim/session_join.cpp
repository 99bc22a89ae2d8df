// How a process comes to its session: the socket's place, the request, and what a forked child must forget.
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/contract.h"
#include "base/units.h"
#include "shim/session.h"
#include "wire/transport/message_socket.h"
#include "wire/transport/socket_channel.h"

namespace sluice::shim {
namespace {

// The daemon itself makes a program wait for at most 10 s for a worker.
constexpr Nanoseconds join_ns_max = 15 * ns_per_s;
constexpr const char* system_socket = "/run/sluice/tenant.sock";

// What the process knows of its session. A forked child starts with a new one: its parent's lock may be held by a
// thread that the child does not have.
struct Registry {
  std::mutex mutex;  // one thread joins at a time
  std::atomic<Session*> session{nullptr};
  bool complained = false;
  std::vector<Session*> inherited;  // of the processes that this one was forked from
};

std::atomic<Registry*>& registry_place() {
  static std::atomic<Registry*>* place = new std::atomic<Registry*>(new Registry);
  return *place;
}
Registry& registry() { return *registry_place().load(std::memory_order_acquire); }

void forget_in_child() {
  const Registry& parents = registry();
  auto* own = new Registry;
  own->inherited = parents.inherited;
  if (Session* session = parents.session.load(std::memory_order_acquire)) own->inherited.push_back(session);
  for (Session* session : own->inherited) session->abandon();
  registry_place().store(own, std::memory_order_release);
}

void watch_for_forks() {
  static const int registered = pthread_atfork(nullptr, nullptr, forget_in_child);
  (void)registered;  // without memory for it a child keeps its parent's session, as with a plain driver
}

void complain_once(Registry& where, const std::string& line) {
  if (std::exchange(where.complained, true)) return;
  const std::string whole = "sluice: " + line + "; no device is offered\n";
  // One write, so that the line stays whole; a failure is not worth more.
  if (::write(STDERR_FILENO, whole.data(), whole.size()) < 0) return;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Any user can put a socket into /tmp; only one in our own folder counts.
std::optional<std::string> own_temporary_socket() {
  const std::string folder = "/tmp/sluice-" + std::to_string(::getuid());
  struct stat info {};
  if (::lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::getuid()) return std::nullopt;
  return folder + "/tenant.sock";
}

std::string socket_path() {
  if (const char* chosen = secure_getenv("SLUICE_SOCKET"); chosen != nullptr && *chosen != '\0') return chosen;
  if (exists(system_socket)) return system_socket;
  if (const char* runtime = secure_getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime != '\0') {
    const std::string path = std::string(runtime) + "/sluice/tenant.sock";
    if (exists(path)) return path;
  }
  if (const auto path = own_temporary_socket(); path && exists(*path)) return *path;
  return system_socket;
}

// The first line of the file. Nothing of it goes into a message: it may hold another secret.
Result<std::string> read_token(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.valid()) return errno_status(std::string("open SLUICE_TOKEN_FILE ") + path, errno);
  char room[2 * wire::token_bytes_max];
  const ssize_t length = ::read(file.get(), room, sizeof room);
  if (length < 0) return errno_status(std::string("read SLUICE_TOKEN_FILE ") + path, errno);
  const std::string_view text(room, static_cast<std::size_t>(length));
  const std::string token(text.substr(0, text.find_first_of("\r\n")));
  if (wire::valid_token_text(token)) return token;
  return Status(Code::invalid_argument, std::string("SLUICE_TOKEN_FILE ") + path +
                                            " holds no token; `sluice tenant token NAME --file PATH` makes one");
}

// What the environment asks for; `sluice run` puts it there.
Result<wire::AttachRequest> make_request() {
  wire::AttachRequest request;
  const auto text = [](const char* name) -> std::string_view {
    const char* value = secure_getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto tenant = text("SLUICE_TENANT"); !tenant.empty()) {
    if (!wire::valid_tenant_name(tenant))
      return Status(Code::invalid_argument,
                    "SLUICE_TENANT is not a tenant's name: 1 to 63 of letters, digits and . _ @ -");
    wire::set_text(request.tenant, tenant);
  }
  if (const auto gpu = text("SLUICE_GPU"); !gpu.empty()) {
    const auto share = parse_milli_gpu(gpu);
    if (!share.ok()) return Status(share.status().code(), "SLUICE_GPU: " + share.status().message());
    request.gpu_milli = share.value().value;
  }
  if (const auto memory = text("SLUICE_MEMORY"); !memory.empty()) {
    const auto bytes = parse_bytes(memory);
    if (!bytes.ok()) return Status(bytes.status().code(), "SLUICE_MEMORY: " + bytes.status().message());
    request.memory_bytes = bytes.value();
  }
  if (const auto path = text("SLUICE_TOKEN_FILE"); !path.empty()) {
    wire::set_text(request.token, SLUICE_TRY(read_token(path.data())));  // from the environment: terminated
  }
  wire::set_text(request.program, program_invocation_short_name);
  return request;
}

Status send_request(const wire::MessageSocket& socket, const wire::AttachRequest& request, Nanoseconds deadline_ns) {
  return socket.send(std::as_bytes(std::span(&request, 1)), {}, deadline_ns);
}

Result<wire::Attachment> read_reply(const wire::Message& message) {
  wire::Attachment attachment = SLUICE_TRY(wire::decode_attach_reply(message.bytes));
  const wire::AttachReply& reply = attachment.reply;
  const Status refusal(static_cast<Code>(reply.code), reply.reason);
  if (reply.granted == 0 && !refusal.ok()) return refusal;
  if (reply.granted == 0 || message.fds.size() != wire::reply_fds || reply.control_bytes != wire::control_bytes ||
      reply.arena_bytes == 0)
    return Status(Code::protocol_fault, "the daemon's answer is not whole");
  return attachment;
}

// REQUIRES: one descriptor for each ReplyFd.
Result<Connection> connection_of(const wire::AttachReply& reply, std::vector<UniqueFd> fds) {
  SLUICE_REQUIRE(fds.size() == wire::reply_fds);
  Connection connection;
  connection.control =
      wire::Region(SLUICE_TRY(wire::SharedMemory::map(std::move(fds[wire::reply_fd_control]), reply.control_bytes)));
  connection.arena = wire::Region(SLUICE_TRY(
      wire::SharedMemory::map(std::move(fds[wire::reply_fd_arena]), reply.arena_bytes, reply.arena_address)));
  connection.channel =
      std::make_unique<wire::SocketChannel>(wire::MessageSocket(std::move(fds[wire::reply_fd_session])));
  connection.output = std::move(fds[wire::reply_fd_output]);
  return connection;
}

}  // namespace

Result<Session*> Session::join() {
  const wire::AttachRequest request = SLUICE_TRY(make_request());
  const Nanoseconds deadline_ns = now_ns() + join_ns_max;
  const std::string path = socket_path();
  const auto socket = wire::MessageSocket::connect(path);
  if (!socket.ok())
    return Status(Code::unavailable, "no pool: cannot reach sluiced at " + path + " (start it, or unset LD_PRELOAD)");
  SLUICE_TRY(send_request(socket.value(), request, deadline_ns));
  wire::Message message = SLUICE_TRY(socket.value().receive(deadline_ns));
  auto [reply, traits] = SLUICE_TRY(read_reply(message));
  return start(reply, std::move(traits), SLUICE_TRY(connection_of(reply, std::move(message.fds))));
}

Session* Session::get() {
  Registry& here = registry();
  if (Session* session = here.session.load(std::memory_order_acquire); session != nullptr) return session;
  std::lock_guard lock(here.mutex);
  if (Session* session = here.session.load(std::memory_order_acquire); session != nullptr) return session;
  watch_for_forks();
  Result<Session*> joined = join();
  if (!joined.ok()) {
    const Status refusal = joined.status();
    const std::string& message = refusal.message();
    complain_once(here, message.starts_with("no pool:") ? message : "no session: " + message);
    return nullptr;
  }
  here.session.store(joined.value(), std::memory_order_release);
  return joined.value();
}

Session* Session::existing() { return registry().session.load(std::memory_order_acquire); }

}  // namespace sluice::shim
