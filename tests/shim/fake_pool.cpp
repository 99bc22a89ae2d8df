#include "tests/shim/fake_pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace sluice::test {
namespace {

constexpr Nanoseconds patience_ns = 10 * ns_per_s;

wire::DeviceTraits make_traits(const FakePoolOptions& options) {
  wire::DeviceTraits traits;
  traits.name = "fake";
  traits.vendor = "Sluice tests";
  traits.numeric_version = 3u << 22;
  traits.buffers_in_arena = traits.images_in_arena = options.memory_in_arena;
  traits.global_memory_bytes = options.memory_bytes;
  traits.allocation_bytes_max = options.memory_bytes;
  traits.out_of_order_queues = true;
  traits.images = true;
  traits.image_2d_max[0] = traits.image_2d_max[1] = 4096;
  traits.image_3d_max[0] = traits.image_3d_max[1] = traits.image_3d_max[2] = 256;
  traits.image_buffer_pixels_max = 65536;
  traits.image_array_layers_max = 64;
  for (const auto kind : {wire::ImageKind::d1, wire::ImageKind::d1_array, wire::ImageKind::d1_buffer,
                          wire::ImageKind::d2, wire::ImageKind::d2_array, wire::ImageKind::d3})
    traits.image_formats.push_back(
        {0x10B5, 0x10DA, kind, wire::image_read | wire::image_write});  // RGBA, UNSIGNED_INT8
  return traits;
}

template <typename Call>
void copy_rows(std::uint64_t rows, std::uint64_t slices, Call call) {
  for (std::uint64_t z = 0; z < slices; ++z)
    for (std::uint64_t y = 0; y < rows; ++y) call(y, z);
}

}  // namespace

// ---- the daemon ----

FakePool& FakePool::start(FakePoolOptions options) {
  static FakePool* pool = nullptr;
  if (pool != nullptr) return *pool;
  pool = new FakePool;
  pool->options_ = options;
  char folder[] = "/tmp/sluice-test-XXXXXX";
  if (mkdtemp(folder) == nullptr) abort();
  const std::string path = std::string(folder) + "/tenant.sock";
  pool->listener_ = std::move(wire::listen_at(path, 0600).value());
  setenv("SLUICE_SOCKET", path.c_str(), 1);
  std::thread([path, folder = std::string(folder)] {
    pool->serve_attach();
    unlink(path.c_str());
    rmdir(folder.c_str());
    pool->work();
  }).detach();
  return *pool;
}

void FakePool::serve_attach() {
  int fd = -1;
  while ((fd = accept(listener_.get(), nullptr, nullptr)) < 0) usleep(1000);
  const wire::MessageSocket program{UniqueFd(fd)};
  if (!wire::decode_attach_request(program.receive(now_ns() + patience_ns).value().bytes).ok()) abort();
  control_ = wire::SharedMemory::create("control", wire::control_bytes).take();
  arena_ = wire::SharedMemory::create("arena", wire::arena_bytes_for(options_.memory_bytes)).take();
  reader_ = std::make_unique<wire::RingReader>(control_.bytes(), wire::Doorbell());
  auto pair = wire::MessageSocket::pair().take();
  session_ = std::move(pair.first);
  wire::AttachReply reply;
  reply.granted = 1;
  reply.memory_bytes = options_.memory_bytes;
  reply.control_bytes = wire::control_bytes;
  reply.arena_bytes = arena_.size();
  int output[2];
  if (pipe2(output, O_CLOEXEC | O_NONBLOCK) != 0) abort();
  const UniqueFd output_end(output[0]);
  output_.reset(output[1]);
  const int fds[] = {control_.fd(), arena_.fd(), pair.second.fd(), output_end.get()};
  if (!program.send(wire::encode_attach_reply(reply, make_traits(options_)), fds, now_ns() + patience_ns).ok()) abort();
}

// ---- the test's handles ----

void FakePool::hold() { held_ = true; }

void FakePool::let_go() {
  held_ = false;
  reader_->wake();
}

void FakePool::fail_builds() {
  builds_fail_ = true;
  reader_->wake();
}

void FakePool::print(std::string_view text) {
  if (write(output_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) abort();
}

void FakePool::end(std::string_view reason) {
  wire::EndNotice notice;
  wire::set_text(notice.reason, reason);
  if (!session_.send(std::as_bytes(std::span(&notice, 1)), {}, now_ns() + patience_ns).ok()) abort();
}

void FakePool::fail_next(wire::Outcome outcome) { fail_next_ = static_cast<std::int32_t>(outcome); }

void FakePool::die() {
  dead_ = true;
  reader_->wake();
  session_.close();
}

std::size_t FakePool::commands_seen(wire::Op op) const {
  std::lock_guard lock(mutex_);
  const auto found = seen_.find(op);
  return found == seen_.end() ? 0 : found->second;
}

std::size_t FakePool::objects() const {
  std::lock_guard lock(mutex_);
  return objects_.size();
}

// ---- the worker ----

void FakePool::work() {
  while (!dead_) {
    bool busy = false;
    for (auto command = reader_->next(); command.ok() && !command.value().empty(); command = reader_->next()) {
      take({{command.value().begin(), command.value().end()}});
      busy = true;
    }
    if (builds_fail_) answer_builds();
    for (auto& [id, queue] : std::map(queues_))
      while (!dead_ && run_some(*queue)) busy = true;
    if (!busy && !dead_) reader_->wait();
  }
}

void FakePool::take(Command command) {
  {
    std::lock_guard lock(mutex_);
    ++seen_[command.op()];
  }
  if (command.op() < wire::Op::buffer_write) return create(command);
  queues_.at(command.as<wire::EnqueueHeader>().queue)->waiting.push_back(std::move(command));
}

void FakePool::answer(const wire::CallHeader& call, wire::Outcome outcome) {
  wire::publish_reply(*wire::ArenaView(arena_.bytes()).slot<wire::ReplySlot>(call.reply_at), outcome, 0, {});
}

void FakePool::answer_builds() {
  for (const wire::CallHeader& call : std::exchange(builds_, {})) answer(call, wire::Outcome::build_failed);
}

void FakePool::create_buffer(const wire::BufferCreate& command) {
  if (memory_used_ + command.bytes > options_.memory_bytes) return answer(command.call, wire::Outcome::quota_exceeded);
  memory_used_ += command.bytes;
  auto memory = std::shared_ptr<Memory>(new Memory, [this](Memory* gone) {
    if (gone->counted) memory_used_ -= gone->bytes;
    delete gone;
  });
  memory->bytes = command.bytes;
  memory->counted = true;
  if (command.arena_at == wire::no_offset) memory->own.resize(command.bytes);
  memory->data = command.arena_at == wire::no_offset ? memory->own.data() : arena_.data() + command.arena_at;
  memory_[command.id] = memory;
  answer(command.call, wire::Outcome::ok);
}

void FakePool::create(const Command& command) {
  const auto known = [&](wire::ObjectId id) {
    std::lock_guard lock(mutex_);
    objects_.insert(id);
  };
  switch (command.op()) {
    case wire::Op::buffer_create:
      known(command.as<wire::BufferCreate>().id);
      return create_buffer(command.as<wire::BufferCreate>());
    case wire::Op::sub_buffer_create: {
      const auto sub = command.as<wire::SubBufferCreate>();
      known(sub.id);
      auto memory = std::make_shared<Memory>();
      memory->data = memory_.at(sub.parent)->data + sub.origin;
      memory->bytes = sub.bytes;
      memory_[sub.id] = memory;
      return;
    }
    case wire::Op::image_create: {
      const auto image = command.as<wire::ImageCreate>();
      known(image.id);
      auto memory = std::make_shared<Memory>();
      memory->own.resize(image.bytes);
      memory->row_pitch =
          image.kind == static_cast<std::uint32_t>(wire::ImageKind::d1_array) ? image.slice_pitch : image.row_pitch;
      memory->slice_pitch = image.slice_pitch;
      memory->data = image.arena_at == wire::no_offset ? memory->own.data() : arena_.data() + image.arena_at;
      memory_[image.id] = memory;
      return answer(image.call, wire::Outcome::ok);
    }
    case wire::Op::queue_create: {
      const auto queue = command.as<wire::QueueCreate>();
      known(queue.id);
      auto made = std::make_shared<Queue>();
      made->timeline = wire::ArenaView(arena_.bytes()).slot<wire::TimelineSlot>(queue.timeline_at);
      made->out_of_order = queue.out_of_order != 0;
      queues_[queue.id] = made;
      return;
    }
    case wire::Op::program_build: return builds_.push_back(command.as<wire::ProgramBuild>().call);
    case wire::Op::user_event_create: return known(command.as<wire::UserEventCreate>().id);
    case wire::Op::user_event_set: {
      const auto set = command.as<wire::UserEventSet>();
      events_[set.id] = set.failed != 0;
      return;
    }
    case wire::Op::object_release: {
      const auto id = command.as<wire::ObjectRelease>().id;
      std::lock_guard lock(mutex_);
      objects_.erase(id);
      return;
    }
    default: return;
  }
}

std::vector<wire::ObjectId> FakePool::Command::waits(std::size_t fixed_bytes) const {
  std::vector<wire::ObjectId> ids(as<wire::EnqueueHeader>().wait_count);
  if (!ids.empty()) std::memcpy(ids.data(), bytes.data() + fixed_bytes, ids.size() * sizeof(wire::ObjectId));
  return ids;
}

namespace {

std::size_t fixed_bytes(wire::Op op) {
  switch (op) {
    case wire::Op::buffer_write: return sizeof(wire::BufferWrite);
    case wire::Op::buffer_read: return sizeof(wire::BufferRead);
    case wire::Op::buffer_copy: return sizeof(wire::BufferCopy);
    case wire::Op::buffer_fill: return sizeof(wire::BufferFill);
    case wire::Op::buffer_write_rect:
    case wire::Op::buffer_read_rect: return sizeof(wire::BufferRect);
    case wire::Op::image_write:
    case wire::Op::image_read: return sizeof(wire::ImageTransfer);
    default: return sizeof(wire::EnqueueHeader);
  }
}

}  // namespace

bool FakePool::may_run(const Queue& queue, std::size_t index) const {
  const Command& command = queue.waiting[index];
  const bool barrier = command.op() == wire::Op::barrier;
  const auto waits = command.waits(fixed_bytes(command.op()));
  if (index > 0 && (barrier || (command.op() == wire::Op::marker && waits.empty()))) return false;
  for (std::size_t before = 0; before < index; ++before)
    if (queue.waiting[before].op() == wire::Op::barrier) return false;
  for (const wire::ObjectId id : waits)
    if (!events_.contains(id)) return false;
  return true;
}

bool FakePool::run_some(Queue& queue) {
  const std::size_t candidates = held_ ? 0 : queue.out_of_order ? queue.waiting.size() : !queue.waiting.empty();
  for (std::size_t i = 0; i < candidates; ++i) {
    if (!may_run(queue, i)) continue;
    const Command command = std::move(queue.waiting[i]);
    queue.waiting.erase(queue.waiting.begin() + static_cast<std::ptrdiff_t>(i));
    run(queue, command);
    return true;
  }
  return false;
}

void FakePool::run(Queue& queue, const Command& command) {
  const auto header = command.as<wire::EnqueueHeader>();
  auto outcome = static_cast<wire::Outcome>(fail_next_.exchange(0));
  for (const wire::ObjectId id : command.waits(fixed_bytes(command.op())))
    if (events_.at(id)) outcome = wire::Outcome::wait_list_failed;
  if (outcome == wire::Outcome::ok) outcome = execute(command);
  const Nanoseconds now = now_ns();
  if (header.event_at != wire::no_offset)
    wire::publish_event(*wire::ArenaView(arena_.bytes()).slot<wire::EventSlot>(header.event_at), outcome,
                        {now, now, now});
  else if (outcome != wire::Outcome::ok) wire::publish_error(*queue.timeline, outcome);
  if (header.event != 0) events_[header.event] = outcome != wire::Outcome::ok;
  queue.ended = queue.out_of_order ? queue.ended + 1 : header.sequence;
  wire::publish_completed(*queue.timeline, reader_->control(), queue.ended, {});
}

void FakePool::copy_rect(const wire::BufferRect& command, bool to_arena) {
  std::byte* buffer = memory_.at(command.buffer)->data;
  std::byte* arena = arena_.data() + command.arena_at;
  copy_rows(command.region.y, command.region.z, [&](std::uint64_t y, std::uint64_t z) {
    std::byte* inside = buffer + command.origin.x + (command.origin.y + y) * command.row_pitch +
                        (command.origin.z + z) * command.slice_pitch;
    std::byte* packed = arena + (z * command.region.y + y) * command.region.x;
    std::memcpy(to_arena ? packed : inside, to_arena ? inside : packed, command.region.x);
  });
}

void FakePool::copy_pixels(const wire::ImageTransfer& command, bool to_arena) {
  const Memory& image = *memory_.at(command.image);
  wire::BufferRect rect;
  rect.buffer = command.image;
  rect.origin = {command.origin.x * pixel_bytes, command.origin.y, command.origin.z};
  rect.region = {command.region.x * pixel_bytes, command.region.y, command.region.z};
  rect.row_pitch = image.row_pitch, rect.slice_pitch = image.slice_pitch;
  rect.arena_at = command.arena_at;
  copy_rect(rect, to_arena);
}

wire::Outcome FakePool::execute(const Command& command) {
  switch (command.op()) {
    case wire::Op::buffer_write: {
      const auto write = command.as<wire::BufferWrite>();
      const std::byte* trailing = command.bytes.data() + sizeof write + write.enqueue.wait_count * 8;
      const std::byte* from = write.arena_at == wire::no_offset ? trailing : arena_.data() + write.arena_at;
      std::memcpy(memory_.at(write.buffer)->data + write.dst_offset, from, write.bytes);
      break;
    }
    case wire::Op::buffer_read: {
      const auto read = command.as<wire::BufferRead>();
      std::memcpy(arena_.data() + read.arena_at, memory_.at(read.buffer)->data + read.src_offset, read.bytes);
      break;
    }
    case wire::Op::buffer_copy: {
      const auto copy = command.as<wire::BufferCopy>();
      std::memmove(memory_.at(copy.dst)->data + copy.dst_offset, memory_.at(copy.src)->data + copy.src_offset,
                   copy.bytes);
      break;
    }
    case wire::Op::buffer_fill: {
      const auto fill = command.as<wire::BufferFill>();
      const std::byte* pattern = command.bytes.data() + sizeof fill + fill.enqueue.wait_count * 8;
      for (std::uint64_t at = 0; at < fill.bytes; at += fill.pattern_bytes)
        std::memcpy(memory_.at(fill.buffer)->data + fill.offset + at, pattern, fill.pattern_bytes);
      break;
    }
    case wire::Op::buffer_write_rect: copy_rect(command.as<wire::BufferRect>(), false); break;
    case wire::Op::buffer_read_rect: copy_rect(command.as<wire::BufferRect>(), true); break;
    case wire::Op::image_write: copy_pixels(command.as<wire::ImageTransfer>(), false); break;
    case wire::Op::image_read: copy_pixels(command.as<wire::ImageTransfer>(), true); break;
    default: break;
  }
  return wire::Outcome::ok;
}

}  // namespace sluice::test
