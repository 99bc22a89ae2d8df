// What it takes to get a session of a pool whose workers are ready: attach SOCKET, run by bench/run. From the first
// step of a program, which is to connect, until it holds the session's descriptors. Prints milliseconds.
#include <cstdio>
#include <span>

#include "base/clock.h"
#include "wire/handshake.h"
#include "wire/transport/message_socket.h"

namespace {

using namespace sluice;

constexpr Nanoseconds answer_ns_max = 10 * ns_per_s;

Status attach(const char* path) {
  auto socket = wire::MessageSocket::connect(path);
  if (!socket.ok()) return socket.status();
  wire::AttachRequest request;
  wire::set_text(request.program, "attach");
  const Nanoseconds deadline = now_ns() + answer_ns_max;
  if (Status sent = socket.value().send(std::as_bytes(std::span(&request, 1)), {}, deadline); !sent.ok()) return sent;
  auto answer = socket.value().receive(deadline);
  if (!answer.ok()) return answer.status();
  const auto attachment = wire::decode_attach_reply(answer.value().bytes);
  if (!attachment.ok()) return attachment.status();
  if (attachment.value().reply.granted == 0) return Status(Code::unavailable, attachment.value().reply.reason);
  return Status();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "attach SOCKET\n"), 2;
  const Nanoseconds start = now_ns();
  const Status attached = attach(argv[1]);
  const Nanoseconds taken = now_ns() - start;
  if (!attached.ok()) return std::fprintf(stderr, "%s\n", attached.message().c_str()), 1;
  std::printf("%.4f\n", static_cast<double>(taken) / 1e6);
  return 0;
}
