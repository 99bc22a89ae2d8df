#include "wire/ring.h"

#include <algorithm>
#include <cstring>

#include "base/contract.h"

namespace sluice::wire {
namespace {

constexpr std::uint64_t ring_mask = ring_bytes - 1;
static_assert((ring_bytes & ring_mask) == 0 && ring_bytes >= 4 * command_bytes_max);

ControlPage* control_page(std::span<std::byte> control) {
  SLUICE_REQUIRE(control.size() == control_bytes);
  // Freshly made shared memory is zero, which is the state of an empty ring.
  return reinterpret_cast<ControlPage*>(control.data());
}

// Takes the flag of a sleeper down. True: there was one, and the caller must wake it. The fence orders what the caller
// published before the look.
bool take_down(FutexWord& flag, bool urgent = true) {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the fence in sleep_unless
  const std::uint32_t until = flag.load(std::memory_order_relaxed);
  if (until == sleeps_not || (until == sleeps_until_urgent && !urgent)) return false;
  return flag.exchange(sleeps_not, std::memory_order_acq_rel) != sleeps_not;
}

template <typename Condition, typename Sleep>
void sleep_unless(FutexWord& flag, Sleeps until, Condition done, Sleep sleep) {
  flag.store(until, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the fence in take_down
  if (!done()) sleep();
  flag.store(sleeps_not, std::memory_order_relaxed);
}

bool is_urgent(std::span<const std::byte> head) {
  CommandHeader header;
  std::memcpy(&header, head.data(), sizeof header);
  return !is_enqueued(header.op);
}

}  // namespace

RingWriter::RingWriter(std::span<std::byte> control, Doorbell doorbell)
    : doorbell_(doorbell), control_(control_page(control)), ring_(control.data() + ring_at) {}

void RingWriter::wake_reader(bool urgent) {
  if (take_down(control_->reader_sleeps, urgent)) doorbell_.wake_peer(control_->reader_sleeps);
}

bool RingWriter::post(std::span<const std::byte> head, std::span<const std::byte> middle,
                      std::span<const std::byte> tail) {
  std::lock_guard lock(order_);
  return post_locked(head, middle, tail);
}

bool RingWriter::post_locked(std::span<const std::byte> head, std::span<const std::byte> middle,
                             std::span<const std::byte> tail) {
  const std::size_t bytes = head.size() + middle.size() + tail.size();
  SLUICE_REQUIRE(bytes % 8 == 0 && bytes <= command_bytes_max && head.size() >= sizeof(CommandHeader));
  if (!wait_for_space(bytes)) return false;
  copy_in(written_, head);
  copy_in(written_ + head.size(), middle);
  copy_in(written_ + head.size() + middle.size(), tail);
  written_ += bytes;
  const bool urgent = is_urgent(head);
  control_->written.store(written_, std::memory_order_release);  // pairs with RingReader::ready
  if (urgent) control_->urgent.store(written_, std::memory_order_release);
  wake_reader(urgent);
  return true;
}

bool RingWriter::wait_for_space(std::size_t bytes) {
  static SpinHabit habit;
  const auto fits = [&] {
    read_seen_ = control_->read.load(std::memory_order_acquire);  // pairs with RingReader::next
    return written_ - read_seen_ + bytes <= ring_bytes || stopped_.load(std::memory_order_relaxed);
  };
  if (!stopped_.load(std::memory_order_relaxed) && written_ - read_seen_ + bytes <= ring_bytes) return true;
  control_->urgent.store(written_, std::memory_order_release);
  wake_reader(true);
  PoliteSpin spin(habit);
  while (!fits() && spin.again()) {
  }
  while (!fits())
    sleep_unless(control_->writer_sleeps, sleeps_until_any, fits,
                 [&] { doorbell_.wait(control_->writer_sleeps, sleeps_until_any); });
  return !stopped_.load(std::memory_order_relaxed);
}

void RingWriter::copy_in(std::uint64_t position, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const std::size_t at = position & ring_mask;
  const std::size_t first = std::min(bytes.size(), ring_bytes - at);
  std::memcpy(ring_ + at, bytes.data(), first);
  if (first < bytes.size()) std::memcpy(ring_, bytes.data() + first, bytes.size() - first);
}

void RingWriter::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  control_->writer_sleeps.store(sleeps_not, std::memory_order_seq_cst);
  doorbell_.wake_own(control_->writer_sleeps);
}

RingReader::RingReader(std::span<std::byte> control, Doorbell doorbell)
    : doorbell_(doorbell), control_(control_page(control)), ring_(control.data() + ring_at) {}

bool RingReader::ready() const {
  return control_->written.load(std::memory_order_acquire) != read_;  // pairs with RingWriter::post_locked
}

// No further than what was written, so that a writer cannot keep the reader awake by a number alone.
bool RingReader::urgent() const {
  const std::uint64_t written = control_->written.load(std::memory_order_acquire);
  const std::uint64_t until = control_->urgent.load(std::memory_order_acquire);
  return until - read_ - 1 < written - read_;
}

Result<std::span<const std::byte>> RingReader::next() {
  const std::uint64_t waiting = control_->written.load(std::memory_order_acquire) - read_;
  if (waiting == 0) return std::span<const std::byte>();
  if (waiting > ring_bytes || waiting < sizeof(CommandHeader) || waiting % 8 != 0)
    return Status(Code::protocol_fault, "the ring's write position is impossible");
  const auto copy_out = [&](std::size_t from, std::size_t bytes) {
    const std::size_t at = (read_ + from) & ring_mask;
    const std::size_t first = std::min(bytes, ring_bytes - at);
    std::memcpy(command_.data() + from, ring_ + at, first);
    std::memcpy(command_.data() + from + first, ring_, bytes - first);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler must not read the shared bytes again
  };
  copy_out(0, sizeof(CommandHeader));
  CommandHeader header;
  std::memcpy(&header, command_.data(), sizeof header);
  if (header.bytes < sizeof header || header.bytes > command_bytes_max || header.bytes % 8 != 0 ||
      header.bytes > waiting)
    return Status(Code::protocol_fault, "a command has an impossible length");
  copy_out(sizeof header, header.bytes - sizeof header);
  read_ += header.bytes;
  control_->read.store(read_, std::memory_order_release);  // pairs with RingWriter::wait_for_space
  if (take_down(control_->writer_sleeps)) doorbell_.wake_peer(control_->writer_sleeps);
  return std::span<const std::byte>(command_.data(), header.bytes);
}

void RingReader::wait(const Rest& rest) {
  static SpinHabit habit;
  FutexWord nothing{0};
  FutexWord& also = rest.also != nullptr ? *rest.also : nothing;
  const auto done = [&] {
    return (!rest.full && (rest.urgent_only ? urgent() : ready())) || woken_.load(std::memory_order_acquire) ||
           also.load(std::memory_order_acquire) != rest.also_seen;
  };
  PoliteSpin spin(habit);
  while (rest.spins && !done() && spin.again()) {
  }
  const Sleeps until = rest.urgent_only ? sleeps_until_urgent : sleeps_until_any;
  if (!done())
    sleep_unless(control_->reader_sleeps, until, done, [&] {
      doorbell_.wait_either(control_->reader_sleeps, until, also, rest.also_seen, rest.deadline_ns);
    });
  woken_.exchange(false, std::memory_order_acq_rel);
}

void RingReader::wake() {
  woken_.store(true, std::memory_order_seq_cst);  // first: a wait that begins now must not sleep
  if (take_down(control_->reader_sleeps)) doorbell_.wake_own(control_->reader_sleeps);
}

}  // namespace sluice::wire
