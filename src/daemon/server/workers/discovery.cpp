#include "daemon/server/workers/discovery.h"

#include <sys/epoll.h>

#include "base/contract.h"
#include "base/units.h"
#include "daemon/server/runtime/untrusted_socket.h"

namespace sluice::server {
namespace {

constexpr Nanoseconds goodbye_ns_max = ns_per_s / 2;  // from a closed link to the process's end

}  // namespace

Discovery::~Discovery() {
  if (!worker_) return;
  watch_.reset();
  end_process(worker_->process);
  launcher_.removal(number_)();
}

void Discovery::start(std::uint32_t worker_number, Nanoseconds ns_max, Found found, const WorkerDevice* only) {
  SLUICE_REQUIRE(!worker_);
  found_ = std::move(found);
  number_ = worker_number;
  auto launched = launcher_.start_probe(number_, only);
  if (!launched.ok()) {
    deadline_ = loop_.at(now_ns(), [this, status = launched.status()] { finish(status); });
    return;
  }
  worker_ = launched.take();
  log_ = std::make_unique<WorkerLog>(loop_, log_quota_, line_of_worker(number_));
  deadline_ = loop_.at(now_ns() + ns_max, [this, ns_max] {
    finish(Status(Code::deadline_exceeded,
                  "looking for devices took longer than " + format_duration(ns_max) + " (workers.start_timeout_s)"));
  });
  auto watched = loop_.watch(worker_->link.fd(), EPOLLIN, [this](std::uint32_t) { on_readable(); });
  const Status ready = watched.ok() ? log_->open(std::move(worker_->log)) : watched.status();
  if (ready.ok()) watch_ = watched.take();
  else deadline_ = loop_.at(now_ns(), [this, ready] { finish(ready); });
}

void Discovery::on_readable() {
  UntrustedMessage message = receive_untrusted(worker_->link.fd(), probe_message_bytes_max);
  const bool brought_descriptors = !message.fds.empty();
  tasks_.close(BlockingTasks::no_user, std::move(message.fds));
  const Code code = message.status.code();
  if (code == Code::deadline_exceeded) return;
  if (brought_descriptors) return finish(Status(Code::protocol_fault, "not an answer to a probe"));
  if (!message.status.ok() && code != Code::protocol_fault) return await_end();
  if (!message.status.ok()) return finish(message.status);
  auto decoded = decode_worker_message(message.bytes);
  if (!decoded.ok()) return finish(decoded.status());
  WorkerMessage& answer = decoded.value();
  if (answer.kind != WorkerMessageKind::probed) return finish(Status(Code::protocol_fault, "not an answer to a probe"));
  if (!answer.text.empty()) return finish(Status(Code::not_found, answer.text));
  finish(std::move(answer.devices));
}

// The link is closed without an answer: why, the process's end says.
void Discovery::await_end() {
  const std::string who = "the process that looks for devices ";
  watch_.reset();
  deadline_ = loop_.at(now_ns() + goodbye_ns_max, [this, who] { finish(Status(Code::internal, who + "fell silent")); });
  auto watched = loop_.watch(worker_->process.pidfd.get(), EPOLLIN, [this, who](std::uint32_t) {
    const std::string how = describe_end(worker_->process), memory = launcher_.groups().memory_reason(worker_->group);
    finish(Status(Code::internal, who + how + (memory.empty() ? "" : ": " + memory)));
  });
  if (watched.ok()) watch_ = watched.take();
}

void Discovery::finish(Result<std::vector<wire::DeviceTraits>> result) {
  watch_.reset();
  deadline_.reset();
  if (worker_) {
    log_->finish();
    tasks_.close(BlockingTasks::no_user, one_fd(worker_->link.take_fd()));
    end_in_background(tasks_, std::move(worker_->process), launcher_.removal(number_));
    worker_.reset();
  }
  // The answer may be followed by another question.
  const Found found = std::move(found_);
  found(std::move(result));
}

}  // namespace sluice::server
