#include "daemon/server/discovery.h"

#include <poll.h>
#include <sys/epoll.h>

#include "allocator/inventory.h"
#include "base/units.h"

namespace sluice::server {
namespace {

constexpr int goodbye_ms_max = 500;

}  // namespace

Discovery::~Discovery() {
  if (!worker_) return;
  watch_.reset();
  end_process(worker_->process);
  folder_.worker_folder_removal(number_)();
}

void Discovery::start(std::uint32_t worker_number, Nanoseconds ns_max, Found found) {
  found_ = std::move(found);
  number_ = worker_number;
  auto launched = launcher_.start_probe(number_);
  if (!launched.ok()) {
    deadline_ = loop_.at(now_ns(), [this, status = launched.status()] { finish(status); });
    return;
  }
  worker_ = launched.take();
  deadline_ = loop_.at(now_ns() + ns_max, [this, ns_max] {
    finish(Status(Code::deadline_exceeded,
                  "looking for devices took longer than " + format_duration(ns_max) + " (workers.start_timeout_s)"));
  });
  auto watched = loop_.watch(worker_->link.fd(), EPOLLIN, [this](std::uint32_t) { hear(); });
  if (watched.ok()) watch_ = watched.take();
  else deadline_ = loop_.at(now_ns(), [this, status = watched.status()] { finish(status); });
}

void Discovery::hear() {
  const auto message = worker_->link.receive(0);
  if (!message.ok()) {
    if (message.status().code() == Code::deadline_exceeded) return;
    pollfd ended{worker_->process.pidfd.get(), POLLIN, 0};
    const bool gone = poll(&ended, 1, goodbye_ms_max) == 1;
    return finish(Status(Code::internal, "the process that looks for devices " +
                                             (gone ? reap_process(worker_->process) : "fell silent")));
  }
  auto decoded = decode_worker_message(message.value().bytes);
  if (!decoded.ok()) return finish(decoded.status());
  WorkerMessage& answer = decoded.value();
  if (answer.kind != WorkerMessageKind::probed) return finish(Status(Code::protocol_fault, "not an answer to a probe"));
  if (!answer.text.empty()) return finish(Status(Code::not_found, answer.text));
  if (answer.devices.size() > allocator::devices_max) answer.devices.resize(allocator::devices_max);
  finish(std::move(answer.devices));
}

void Discovery::finish(Result<std::vector<wire::DeviceTraits>> result) {
  watch_.reset();
  deadline_.reset();
  if (worker_) {
    end_process(worker_->process);
    folder_.worker_folder_removal(number_)();
    worker_.reset();
  }
  found_(std::move(result));
}

}  // namespace sluice::server
