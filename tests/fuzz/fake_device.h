// A device that computes nothing, but demands of the worker's executor all that backend.h promises a driver: every
// range lies inside its object, every host range may be touched, every event and object exists.
//
// Commands stay in flight until flush(), and then end in an order that the queue does not explain, as drivers' do.
#pragma once

#include <vector>

#include "daemon/backends/backend.h"

namespace sluice::fuzz {

using namespace backend;  // NOLINT: this is one

class FakeDevice final : public Device {
 public:
  explicit FakeDevice(bool works_on_host_memory);
  ~FakeDevice() { finish(); }

  // Ends everything that is in flight.
  void finish();

  const wire::DeviceTraits& traits() const override { return traits_; }
  void set_sink(CompletionSink& sink) override { sink_ = &sink; }
  Status use_cache_folder(const std::string&) override { return Status(); }
  void save_builds(Nanoseconds) override {}

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
  Submitted accept(const Submission& how);

  wire::DeviceTraits traits_;
  CompletionSink* sink_ = nullptr;
  std::vector<std::uint64_t> in_flight_;  // tokens
};

}  // namespace sluice::fuzz
