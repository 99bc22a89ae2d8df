#include "tests/wire/transport/in_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace sluice::test {
namespace {

std::byte* map_shared(int fd, std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<std::byte*>(memory);
}

}  // namespace

TwiceMapped::TwiceMapped(std::size_t bytes) : bytes_(bytes) {
  const UniqueFd fd(::memfd_create("sluice-twice-mapped", MFD_CLOEXEC));
  if (!fd.valid() || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) std::abort();
  program_ = map_shared(fd.get(), bytes);
  worker_ = map_shared(fd.get(), bytes);
}

TwiceMapped::~TwiceMapped() {
  ::munmap(program_, bytes_);
  ::munmap(worker_, bytes_);
}

// ---- doorbell ----

WakeReceiver::WakeReceiver(std::vector<std::span<std::byte>> regions)
    : regions_(std::move(regions)), thread_([this] { run(); }) {}

WakeReceiver::~WakeReceiver() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void WakeReceiver::send(const WordPlace& place) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(place);
  }
  changed_.notify_all();
}

std::size_t WakeReceiver::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

void WakeReceiver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return over_ || !waiting_.empty(); });
    if (over_) return;
    const WordPlace place = waiting_.front();
    waiting_.pop_front();
    ++received_;
    lock.unlock();
    doorbell_.wake_own(*reinterpret_cast<wire::FutexWord*>(regions_[place.region].data() + place.offset));
    lock.lock();
  }
}

void WakeSender::send_wake(const wire::FutexWord& word) {
  const auto* at = reinterpret_cast<const std::byte*>(&word);
  for (std::size_t region = 0; region < regions_.size(); ++region) {
    const std::span<std::byte> bytes = regions_[region];
    if (at >= bytes.data() && at < bytes.data() + bytes.size())
      return peer_.send({region, static_cast<std::size_t>(at - bytes.data())});
  }
  std::abort();  // the word is not shared: no peer can have slept on it
}

// ---- channel ----

namespace {

// Messages to one end.
struct Inbox {
  std::mutex mutex;  // guards what follows
  std::deque<std::vector<std::byte>> messages;
  bool sender_gone = false;
  const UniqueFd changed{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};  // readable: look

  void announce() const {
    const std::uint64_t one = 1;
    if (::write(changed.get(), &one, sizeof one) < 0) std::abort();
  }
};

class QueueChannel final : public wire::Channel {
 public:
  QueueChannel(std::shared_ptr<Inbox> own, std::shared_ptr<Inbox> peers)
      : own_(std::move(own)), peers_(std::move(peers)) {}
  ~QueueChannel() override { close(); }

  Status send(std::span<const std::byte> bytes, Nanoseconds) override {
    const std::lock_guard lock(peers_->mutex);
    peers_->messages.emplace_back(bytes.begin(), bytes.end());
    peers_->announce();
    return {};
  }

  Result<std::vector<std::byte>> receive(Nanoseconds deadline_ns) override {
    for (;;) {
      {
        const std::lock_guard lock(own_->mutex);
        if (!own_->messages.empty()) {
          std::vector<std::byte> bytes = std::move(own_->messages.front());
          own_->messages.pop_front();
          return bytes;
        }
        if (own_->sender_gone) return Status(Code::unavailable, "the other side closed the channel");
        std::uint64_t seen = 0;
        (void)!::read(own_->changed.get(), &seen, sizeof seen);
      }
      const Nanoseconds now = now_ns();
      if (now >= deadline_ns) return Status(Code::deadline_exceeded, "no message came in time");
      pollfd awaited{own_->changed.get(), POLLIN, 0};
      ::poll(&awaited, 1, static_cast<int>(std::min<Nanoseconds>((deadline_ns - now) / ns_per_ms + 1, 1'000)));
    }
  }

  int poll_fd() const override { return closed_ ? -1 : own_->changed.get(); }

  void close() override {
    if (std::exchange(closed_, true)) return;
    const std::lock_guard lock(peers_->mutex);
    peers_->sender_gone = true;
    peers_->announce();
  }

 private:
  const std::shared_ptr<Inbox> own_, peers_;
  bool closed_ = false;
};

}  // namespace

std::pair<std::unique_ptr<wire::Channel>, std::unique_ptr<wire::Channel>> make_channel() {
  const auto a = std::make_shared<Inbox>(), b = std::make_shared<Inbox>();
  return {std::make_unique<QueueChannel>(a, b), std::make_unique<QueueChannel>(b, a)};
}

// ---- the two sides ----

InProcessTransport::InProcessTransport(std::size_t control_bytes, std::size_t arena_bytes, std::int64_t worker_ahead_ns)
    : worker_ahead_ns_(worker_ahead_ns),
      control_(control_bytes),
      arena_(arena_bytes),
      to_program_({control_.program(), arena_.program()}),
      to_worker_({control_.worker(), arena_.worker()}),
      from_program_({control_.program(), arena_.program()}, to_worker_),
      from_worker_({control_.worker(), arena_.worker()}, to_program_) {
  auto [program_end, worker_end] = make_channel();
  program = {control_.program(), arena_.program(), wire::Doorbell(from_program_), std::move(program_end)};
  worker = {control_.worker(), arena_.worker(), wire::Doorbell(from_worker_), std::move(worker_end)};
  to_program_.set_doorbell(program.doorbell);
  to_worker_.set_doorbell(worker.doorbell);
}

}  // namespace sluice::test
