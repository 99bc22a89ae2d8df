// One OpenCL device, open for one session. The verbs are spread over files by object: memory.cpp, program.cpp,
// kernel.cpp, queue.cpp (commands), event.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "base/free_list.h"
#include "daemon/backends/backend.h"
#include "daemon/backends/opencl/api.h"
#include "daemon/backends/opencl/build_cache.h"
#include "daemon/backends/opencl/build_saver.h"
#include "daemon/backends/opencl/clock.h"
#include "daemon/backends/opencl/objects.h"
#include "daemon/backends/opencl/quirks.h"
#include "daemon/backends/opencl/recent_builds.h"

namespace sluice::backend::opencl {

class OpenClDevice final : public Device {
 public:
  static Result<std::unique_ptr<OpenClDevice>> open(cl_platform_id platform, cl_device_id device, std::size_t number);
  ~OpenClDevice() override;

  const wire::DeviceTraits& traits() const override { return traits_; }
  void set_sink(CompletionSink& sink) override;
  Status use_cache_folder(const std::string& path) override;

  Made<Memory> create_buffer(std::uint64_t bytes, std::span<std::byte> host, std::uint32_t access) override;
  Made<Memory> create_sub_buffer(Memory& parent, std::uint64_t origin, std::uint64_t bytes,
                                 std::uint32_t access) override;
  Made<Memory> create_image(const ImageShape& shape, std::span<std::byte> host, Memory* buffer,
                            std::uint32_t access) override;
  Made<Sampler> create_sampler(const SamplerMode& mode) override;

  wire::BuildReply build(const wire::BuildRequest& request, std::span<Program* const> inputs,
                         std::unique_ptr<Program>& program) override;
  Outcome binary(Program& program, std::string& bytes) override;
  Made<Kernel> create_kernel(Program& program, std::uint32_t index) override;
  Outcome check_argument(Kernel& kernel, std::uint32_t index, std::uint32_t bytes) override;
  void save_builds(Nanoseconds deadline_ns) override;

  Made<Queue> create_queue(const QueueShape& shape) override;
  Made<Event> create_user_event() override;
  void set_user_event(Event& event, bool failed) override;
  void flush(Queue& queue) override;

  Submitted write_buffer(const Submission& how, Memory& dst, std::uint64_t offset,
                         std::span<const std::byte> src) override;
  Submitted read_buffer(const Submission& how, Memory& src, std::uint64_t offset, std::span<std::byte> dst) override;
  Submitted copy_buffer(const Submission& how, Memory& src, std::uint64_t src_offset, Memory& dst,
                        std::uint64_t dst_offset, std::uint64_t bytes) override;
  Submitted fill_buffer(const Submission& how, Memory& dst, std::uint64_t offset, std::uint64_t bytes,
                        std::span<const std::byte> pattern) override;
  Submitted write_buffer_rect(const Submission& how, Memory& dst, const BufferRows& rows,
                              std::span<const std::byte> packed) override;
  Submitted read_buffer_rect(const Submission& how, Memory& src, const BufferRows& rows,
                             std::span<std::byte> packed) override;
  Submitted copy_buffer_rect(const Submission& how, Memory& src, const BufferRows& src_rows, Memory& dst,
                             const BufferRows& dst_rows) override;
  Submitted write_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                        std::span<const std::byte> packed) override;
  Submitted read_image(const Submission& how, Memory& src, const Box& origin, const Box& region,
                       std::span<std::byte> packed) override;
  Submitted copy_image(const Submission& how, Memory& src, const Box& src_origin, Memory& dst, const Box& dst_origin,
                       const Box& region) override;
  Submitted fill_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                       std::span<const std::uint32_t, 4> color) override;
  Submitted copy_image_to_buffer(const Submission& how, Memory& image, const Box& origin, const Box& region,
                                 Memory& buffer, std::uint64_t buffer_offset) override;
  Submitted copy_buffer_to_image(const Submission& how, Memory& buffer, std::uint64_t buffer_offset, Memory& image,
                                 const Box& origin, const Box& region) override;
  Submitted launch(const Submission& how, Kernel& kernel, const Launch& launch) override;
  Submitted marker(const Submission& how) override;
  Submitted barrier(const Submission& how) override;

 private:
  // A command in flight, as its completion callback finds it.
  enum class PendingState : std::uint8_t { idle, in_flight, looked_at, look_again, reported };
  struct Pending {
    Pending* next_free = nullptr;
    OpenClDevice* device = nullptr;
    cl_event event = nullptr;
    std::uint64_t token = 0;
    Nanoseconds submitted_ns = 0;  // by the host's clock, where the driver gives no times
    bool make_event = false;
    std::atomic<PendingState> state{PendingState::idle};
  };

  OpenClDevice() = default;
  Result<QueueHandle> make_queue(cl_device_id device, bool out_of_order) const;

  // part.cpp
  bool can_partition();
  // The sub-device of just these compute units; null if the driver refuses.
  cl_device_id part(std::uint32_t first_unit, std::uint32_t units);
  cl_device_id carve(std::uint32_t first_unit, std::uint32_t units) const;

  // event.cpp
  enum class Touches : std::uint8_t { memory, nothing };
  template <typename Enqueue>
  Submitted submit(const Submission& how, Enqueue enqueue, Touches touches = Touches::memory);
  Submitted track(const Submission& how, cl_event event, Nanoseconds submitted_ns);
  static void CL_CALLBACK on_complete(cl_event event, cl_int status, void* pending);
  void watch(QueueObject& queue, std::span<Event* const> wait_list, Pending& pending);
  static void on_watched_end(void* pending, cl_int status, const wire::CommandTimes& times);
  void report(Pending& pending, cl_int status);
  void report(Pending& pending, Outcome outcome, const wire::CommandTimes& times);
  void report_failures();
  static void report_if_failed(Pending& pending);
  bool any_failed(std::span<Event* const> events) const;

  // memory.cpp
  Made<Memory> own_memory(cl_mem memory, cl_int error, bool fresh);
  bool scrub(cl_mem memory);
  // What each command that touches memory waits for; null: all new memory has been filled. A command of the same queue
  // that waits for it already would not do: it may fail before the fill has ended.
  cl_event unfinished_scrub();

  // program.cpp
  wire::BuildReply build_source(const wire::BuildRequest& request, ProgramObject& program);
  // One of the session's last builds if it has this key, else what `build` makes.
  template <typename Build>
  wire::BuildReply build_once(const Digest& key, ProgramObject& program, Build build);
  // From the tenant's cache, or anew and then into it.
  wire::BuildReply build_cached(const wire::BuildRequest& request, const Digest& key, ProgramObject& program);
  wire::BuildReply build_anew(const wire::BuildRequest& request, ProgramObject& program);
  // For text whose headers came along: a compile and a link.
  wire::BuildReply build_with_headers(const wire::BuildRequest& request, ProgramObject& program);
  wire::BuildReply build_binary(const wire::BuildRequest& request, ProgramObject& program);
  wire::BuildReply compile(const wire::BuildRequest& request, ProgramObject& program);
  wire::BuildReply link(const wire::BuildRequest& request, std::span<Program* const> inputs, ProgramObject& program);
  wire::BuildReply describe(ProgramObject& program, cl_int error, Outcome if_failed) const;
  // A program from an executable's container, and what it is.
  wire::BuildReply load(BinaryContainer container, const std::string& options, ProgramObject& program) const;
  bool load_binary(const std::string& native, const std::string& options, ProgramObject& program) const;
  Digest build_key(const wire::BuildRequest& request) const;

  // kernel.cpp
  Outcome set_arguments(KernelObject& kernel, std::span<const ArgumentRef> arguments);

  cl_device_id device_ = nullptr;
  ContextHandle context_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, cl_device_id> parts_;  // by first unit and count
  wire::DeviceTraits traits_;
  Digest make_{};  // of platform, device and driver version: what a binary must have been made by
  CompletionSink* sink_ = nullptr;
  Quirks quirks_;
  std::atomic<Nanoseconds> latest_end_ns_{0};  // of a watched command
  DeviceClock clock_;
  FreeList<Pending> pendings_;
  std::atomic<bool> failures_{false};  // an event of this session has ended with an error: see report_failures
  std::uint64_t next_serial_ = 1;

  // Zero-fills of new memory, on devices whose memory outlives a process. In order, on a queue of their own.
  QueueHandle scrub_queue_;
  EventHandle last_scrub_;

  BuildCache cache_;
  RecentBuilds recent_builds_;
  Activity activity_;
  std::unique_ptr<BuildSaver> saver_;  // last: its thread uses what is above
};

}  // namespace sluice::backend::opencl
