// A device that only moves bytes into and out of whole buffers: it records what it is asked, and commands end when the
// test says so.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/backends/backend.h"

namespace sluice::test {

class FakeDevice final : public backend::Device {
 public:
  struct Command {
    std::string verb;
    std::uint64_t token = 0;
    std::size_t waits = 0;
    bool with_event = false;
    std::string data;  // what it would write, as it was at submission
    const backend::Queue* queue = nullptr;
    backend::Launch launch;  // without its arguments
  };

  FakeDevice() {
    traits_.buffers_in_arena = true;
    traits_.images_in_arena = true;
    traits_.base_address_align_bits = 1024;
    traits_.image_formats.push_back({0x10B5, 0x10D2, wire::ImageKind::d2, wire::image_read});  // RGBA, UNORM_INT8
  }

  void can_be_divided(std::uint32_t units) {
    traits_.partitionable = true;
    traits_.compute_units = units;
  }

  wire::DeviceTraits traits_;
  backend::CompletionSink* sink = nullptr;
  std::vector<Command> commands;
  std::vector<std::string> calls;  // every other verb
  std::vector<backend::ArgumentRef> launched_with;
  std::function<void(const backend::Launch&)> check_launch;  // if set, told of each launch while its arguments live
  std::vector<backend::QueueShape> queue_shapes;
  wire::Outcome answer = wire::Outcome::ok;                  // of everything that can fail
  backend::Divisible divisible = backend::Divisible::never;  // of every kernel made from now on
  int flushes = 0;
  std::function<void()> flushed;  // if set, told of each flush

  // Ends a command that is in flight.
  void complete(std::size_t which, wire::Outcome outcome = wire::Outcome::ok,
                const wire::CommandTimes& times = {10, 20, 30}) {
    sink->completed(commands[which].token, outcome, times);
  }

  const wire::DeviceTraits& traits() const override { return traits_; }
  void set_sink(backend::CompletionSink& new_sink) override { sink = &new_sink; }
  Status use_cache_folder(const std::string&) override { return Status(); }

  backend::Made<backend::Memory> create_buffer(std::uint64_t bytes, std::span<std::byte>, std::uint32_t) override {
    auto made = make<backend::Memory>("create_buffer");
    if (made.object != nullptr) made.object = std::make_unique<Buffer>(bytes);
    return made;
  }
  backend::Made<backend::Memory> create_sub_buffer(backend::Memory&, std::uint64_t, std::uint64_t,
                                                   std::uint32_t) override {
    return make<backend::Memory>("create_sub_buffer");
  }
  backend::Made<backend::Memory> create_image(const backend::ImageShape&, std::span<std::byte>, backend::Memory*,
                                              std::uint32_t) override {
    return make<backend::Memory>("create_image");
  }
  backend::Made<backend::Sampler> create_sampler(const backend::SamplerMode&) override {
    return make<backend::Sampler>("create_sampler");
  }
  wire::BuildReply build(const wire::BuildRequest& request, std::span<backend::Program* const>,
                         std::unique_ptr<backend::Program>& program) override {
    const std::lock_guard lock(mutex_);
    calls.push_back("build " + request.source);
    wire::BuildReply reply;
    reply.outcome = answer;
    reply.log = std::string(100, 'x');
    if (answer == wire::Outcome::ok) program = std::make_unique<backend::Program>();
    return reply;
  }
  wire::Outcome binary(backend::Program&, std::string& bytes) override {
    bytes = "the binary";
    return answer;
  }
  backend::Made<backend::Kernel> create_kernel(backend::Program&, std::uint32_t) override {
    auto made = make<backend::Kernel>("create_kernel");
    if (made.object != nullptr) made.object->divisible = divisible;
    return made;
  }
  wire::Outcome check_argument(backend::Kernel&, std::uint32_t, std::uint32_t) override { return answer; }
  void save_builds(Nanoseconds) override {}
  backend::Made<backend::Queue> create_queue(const backend::QueueShape& shape) override {
    queue_shapes.push_back(shape);
    return make<backend::Queue>("create_queue");
  }
  backend::Made<backend::Event> create_user_event() override { return make<backend::Event>("create_user_event"); }
  void set_user_event(backend::Event&, bool failed) override {
    const std::lock_guard lock(mutex_);
    calls.push_back(failed ? "user event failed" : "user event");
  }
  void flush(backend::Queue&) override {
    ++flushes;
    if (flushed) flushed();
  }

  using How = const backend::Submission&;
  using Mem = backend::Memory&;
  using At = const wire::Box&;
  backend::Submitted write_buffer(How how, Mem dst, std::uint64_t offset, std::span<const std::byte> src) override {
    if (auto* buffer = dynamic_cast<Buffer*>(&dst)) std::copy(src.begin(), src.end(), buffer->at(offset));
    auto submitted = take(how, "write_buffer");
    commands.back().data.assign(reinterpret_cast<const char*>(src.data()), src.size());
    return submitted;
  }
  backend::Submitted read_buffer(How how, Mem src, std::uint64_t offset, std::span<std::byte> dst) override {
    if (auto* buffer = dynamic_cast<Buffer*>(&src)) std::copy_n(buffer->at(offset), dst.size(), dst.begin());
    return take(how, "read_buffer");
  }
  backend::Submitted copy_buffer(How how, Mem, std::uint64_t, Mem, std::uint64_t, std::uint64_t) override {
    return take(how, "copy_buffer");
  }
  backend::Submitted fill_buffer(How how, Mem, std::uint64_t, std::uint64_t, std::span<const std::byte>) override {
    return take(how, "fill_buffer");
  }
  backend::Submitted write_buffer_rect(How how, Mem, const backend::BufferRows&, std::span<const std::byte>) override {
    return take(how, "write_buffer_rect");
  }
  backend::Submitted read_buffer_rect(How how, Mem, const backend::BufferRows&, std::span<std::byte>) override {
    return take(how, "read_buffer_rect");
  }
  backend::Submitted copy_buffer_rect(How how, Mem, const backend::BufferRows&, Mem,
                                      const backend::BufferRows&) override {
    return take(how, "copy_buffer_rect");
  }
  backend::Submitted write_image(How how, Mem, At, At, std::span<const std::byte>) override {
    return take(how, "write_image");
  }
  backend::Submitted read_image(How how, Mem, At, At, std::span<std::byte>) override { return take(how, "read_image"); }
  backend::Submitted copy_image(How how, Mem, At, Mem, At, At) override { return take(how, "copy_image"); }
  backend::Submitted fill_image(How how, Mem, At, At, std::span<const std::uint32_t, 4>) override {
    return take(how, "fill_image");
  }
  backend::Submitted copy_image_to_buffer(How how, Mem, At, At, Mem, std::uint64_t) override {
    return take(how, "copy_image_to_buffer");
  }
  backend::Submitted copy_buffer_to_image(How how, Mem, std::uint64_t, Mem, At, At) override {
    return take(how, "copy_buffer_to_image");
  }
  backend::Submitted launch(How how, backend::Kernel&, const backend::Launch& launch) override {
    if (check_launch) check_launch(launch);
    launched_with.assign(launch.arguments.begin(), launch.arguments.end());
    auto submitted = take(how, "launch");
    if (submitted.outcome != wire::Outcome::ok) return submitted;
    commands.back().launch = launch;
    commands.back().launch.arguments = {};
    return submitted;
  }
  backend::Submitted marker(How how) override { return take(how, "marker"); }
  backend::Submitted barrier(How how) override { return take(how, "barrier"); }

 private:
  struct Buffer final : backend::Memory {
    explicit Buffer(std::uint64_t size) : bytes(size) {}
    std::byte* at(std::uint64_t offset) { return bytes.data() + offset; }
    std::vector<std::byte> bytes;
  };

  template <typename T>
  backend::Made<T> make(const char* verb) {
    const std::lock_guard lock(mutex_);
    calls.push_back(verb);
    if (answer != wire::Outcome::ok) return {nullptr, answer};
    return {std::make_unique<T>(), answer};
  }
  backend::Submitted take(How how, const char* verb) {
    if (answer != wire::Outcome::ok) return {answer, nullptr};
    commands.push_back({verb, how.token, how.wait_list.size(), how.make_event, "", how.queue, {}});
    return {wire::Outcome::ok, how.make_event ? std::make_unique<backend::Event>() : nullptr};
  }

  std::mutex mutex_;  // guards `calls`: builds come on several threads
};

}  // namespace sluice::test
