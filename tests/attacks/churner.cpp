// A tenant's program that attaches again and again, and does nothing else.
//
//   churner churn SECONDS TENANT   as often as it can, in eight threads; prints how often it was let in
//   churner time COUNT TENANT      one attach after another, a tenth of a second between them; prints the milliseconds
//                                  that each took
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "wire/handshake.h"
#include "wire/transport/message_socket.h"

namespace {

using namespace sluice;

constexpr int churners = 8;
constexpr Nanoseconds patience_ns = 10 * ns_per_s;

bool attach(const char* socket_path, const char* tenant) {
  wire::AttachRequest request;
  wire::set_text(request.tenant, tenant);
  wire::set_text(request.program, "churner");
  request.memory_bytes = 1 << 20;
  auto socket = wire::MessageSocket::connect(socket_path);
  if (!socket.ok()) return false;
  if (!socket.value().send(std::as_bytes(std::span(&request, 1)), {}, now_ns() + patience_ns).ok()) return false;
  const auto message = socket.value().receive(now_ns() + patience_ns);
  return message.ok() && !message.value().fds.empty();
}

long churn(const char* socket, const char* tenant, Nanoseconds until) {
  std::atomic<long> count{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < churners; ++i)
    threads.emplace_back([&] {
      while (now_ns() < until) count += attach(socket, tenant) ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  return count;
}

void measure(const char* socket, const char* tenant, int count) {
  for (int i = 0; i < count; ++i) {
    const Nanoseconds started = now_ns();
    const bool in = attach(socket, tenant);
    std::printf("%.2f ", in ? static_cast<double>(now_ns() - started) / 1e6 : -1.0);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::puts("");
}

}  // namespace

int main(int argc, char** argv) {
  const char* socket = std::getenv("SLUICE_SOCKET");
  if (argc < 4 || socket == nullptr) return 2;
  if (std::strcmp(argv[1], "time") == 0) measure(socket, argv[3], std::atoi(argv[2]));
  else std::printf("%ld\n", churn(socket, argv[3], now_ns() + std::strtoull(argv[2], nullptr, 10) * ns_per_s));
  return 0;
}
