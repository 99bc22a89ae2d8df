#include "tests/fuzz/fake_device.h"

#include <algorithm>
#include <atomic>

#include "tests/fuzz/check.h"
#include "wire/image_format.h"

namespace sluice::fuzz {
namespace {

constexpr std::size_t in_flight_max = 48;
constexpr std::uint32_t rgba = 0x10B5, unsigned_int8 = 0x10DA;  // numbers of the OpenCL specification, section 5.3.1

struct FakeMemory : Memory {
  std::uint64_t bytes = 0;  // of a buffer
  bool image = false;
  Box extent;  // of an image, in pixels
  std::uint32_t pixel_bytes = 0;
};
struct FakeProgram : Program {
  std::uint32_t kernels = 0;
};
struct FakeKernel : Kernel {};
struct FakeQueue : Queue {};
struct FakeEvent : Event {
  bool user = false;
};

// Reads or writes both ends of a range, for AddressSanitizer to judge.
void touch(std::span<const std::byte> range) {
  if (range.empty()) return;
  volatile std::byte seen = range.front();
  seen = range.back();
  (void)seen;
}
void touch(std::span<std::byte> range) {
  if (range.empty()) return;
  volatile std::byte* first = range.data();
  first[0] = std::byte{1};
  first[range.size() - 1] = std::byte{2};
}

FakeMemory& buffer(Memory& memory) {
  auto& fake = static_cast<FakeMemory&>(memory);
  FUZZ_CHECK(!fake.image);
  return fake;
}

void in_buffer(Memory& memory, std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t size = buffer(memory).bytes;
  FUZZ_CHECK(offset <= size && bytes <= size - offset);
}

void rows_in_buffer(Memory& memory, const BufferRows& rows) {
  const auto& [origin, region, row_pitch, slice_pitch] = rows;
  FUZZ_CHECK(region.x > 0 && region.y > 0 && region.z > 0);
  using Wide = unsigned __int128;
  const Wide first = Wide{origin.z} * slice_pitch + Wide{origin.y} * row_pitch + origin.x;
  const Wide last = first + Wide{region.z - 1} * slice_pitch + Wide{region.y - 1} * row_pitch + region.x;
  FUZZ_CHECK(last <= buffer(memory).bytes);
}

// Bytes of the region, packed.
std::uint64_t in_image(Memory& memory, const Box& origin, const Box& region) {
  const auto& image = static_cast<FakeMemory&>(memory);
  FUZZ_CHECK(image.image);
  const auto inside = [](std::uint64_t at, std::uint64_t count, std::uint64_t size) {
    return count > 0 && at <= size && count <= size - at;
  };
  FUZZ_CHECK(inside(origin.x, region.x, image.extent.x));
  FUZZ_CHECK(inside(origin.y, region.y, image.extent.y));
  FUZZ_CHECK(inside(origin.z, region.z, image.extent.z));
  return region.x * region.y * region.z * image.pixel_bytes;
}

template <typename Concrete, typename Abstract>
Made<Abstract> made(Concrete object) {
  return {std::make_unique<Concrete>(std::move(object)), Outcome::ok};
}

}  // namespace

FakeDevice::FakeDevice(bool works_on_host_memory) {
  traits_.name = "fake";
  traits_.buffers_in_arena = traits_.images_in_arena = works_on_host_memory;
  traits_.global_memory_bytes = traits_.allocation_bytes_max = 1 << 20;
  traits_.images = true;
  for (const auto kind : {wire::ImageKind::d1, wire::ImageKind::d1_array, wire::ImageKind::d1_buffer,
                          wire::ImageKind::d2, wire::ImageKind::d2_array, wire::ImageKind::d3})
    traits_.image_formats.push_back({rgba, unsigned_int8, kind, wire::image_read | wire::image_write});
}

void FakeDevice::finish() {
  const auto tokens = std::exchange(in_flight_, {});
  const Nanoseconds now = now_ns();
  // The later half first, each half backwards.
  const auto middle = tokens.begin() + static_cast<std::ptrdiff_t>(tokens.size() / 2);
  for (auto at = tokens.end(); at != middle;) sink_->completed(*--at, Outcome::ok, {now, now, now + 5});
  for (auto at = middle; at != tokens.begin();) sink_->completed(*--at, Outcome::out_of_resources, {now, now, now});
}

Submitted FakeDevice::accept(const Submission& how) {
  FUZZ_CHECK(how.queue != nullptr);
  for (const Event* event : how.wait_list) FUZZ_CHECK(event != nullptr);
  if (in_flight_.size() >= in_flight_max) finish();
  in_flight_.push_back(how.token);
  Submitted submitted;
  if (how.make_event) submitted.event = std::make_unique<FakeEvent>();
  return submitted;
}

// ---- objects ----

Made<Memory> FakeDevice::create_buffer(std::uint64_t bytes, std::span<std::byte> host, std::uint32_t access) {
  FUZZ_CHECK(bytes > 0 && access != 0);
  FUZZ_CHECK(host.size() == (traits_.buffers_in_arena ? bytes : 0));
  touch(host);
  if (bytes > traits_.allocation_bytes_max) return {nullptr, Outcome::out_of_device_memory};
  FakeMemory memory;
  memory.bytes = bytes;
  return made<FakeMemory, Memory>(std::move(memory));
}

Made<Memory> FakeDevice::create_sub_buffer(Memory& parent, std::uint64_t origin, std::uint64_t bytes, std::uint32_t) {
  FUZZ_CHECK(bytes > 0);
  in_buffer(parent, origin, bytes);
  FakeMemory memory;
  memory.bytes = bytes;
  return made<FakeMemory, Memory>(std::move(memory));
}

Made<Memory> FakeDevice::create_image(const ImageShape& shape, std::span<std::byte> host, Memory* over, std::uint32_t) {
  touch(host);
  FakeMemory image;
  image.image = true;
  image.pixel_bytes = wire::pixel_bytes(shape.channel_order, shape.channel_type);
  image.extent = {shape.width, 1, 1};
  switch (shape.kind) {
    case wire::ImageKind::d1_array: image.extent.y = shape.layers; break;
    case wire::ImageKind::d2: image.extent.y = shape.height; break;
    case wire::ImageKind::d2_array: image.extent = {shape.width, shape.height, shape.layers}; break;
    case wire::ImageKind::d3: image.extent = {shape.width, shape.height, shape.depth}; break;
    default: break;
  }
  const auto [x, y, z] = image.extent;
  FUZZ_CHECK(x > 0 && y > 0 && z > 0 && image.pixel_bytes > 0);
  if (over != nullptr) in_buffer(*over, 0, x * image.pixel_bytes);
  else if (traits_.images_in_arena) FUZZ_CHECK(host.size() >= x * y * z * image.pixel_bytes);
  return made<FakeMemory, Memory>(std::move(image));
}

Made<Sampler> FakeDevice::create_sampler(const SamplerMode&) {
  struct FakeSampler : Sampler {};
  return made<FakeSampler, Sampler>(FakeSampler());
}

wire::BuildReply FakeDevice::build(const wire::BuildRequest& request, std::span<Program* const> inputs,
                                   std::unique_ptr<Program>& program) {
  for (const Program* input : inputs) FUZZ_CHECK(input != nullptr);
  wire::BuildReply reply;
  reply.log = request.options;
  reply.outcome = request.source.empty() ? Outcome::build_failed : Outcome::ok;
  if (reply.outcome != Outcome::ok) return reply;
  auto fake = std::make_unique<FakeProgram>();
  fake->kernels = static_cast<std::uint32_t>(request.source.size() % 4);
  reply.binary_kind = wire::BinaryKind::executable;
  reply.kernels.resize(fake->kernels);
  program = std::move(fake);
  return reply;
}

Outcome FakeDevice::binary(Program&, std::string& bytes) {
  bytes.assign(100, 'b');
  return Outcome::ok;
}

Made<Kernel> FakeDevice::create_kernel(Program& program, std::uint32_t index) {
  if (index >= static_cast<FakeProgram&>(program).kernels) return {nullptr, Outcome::kernel_not_found};
  return made<FakeKernel, Kernel>(FakeKernel());
}

Outcome FakeDevice::check_argument(Kernel&, std::uint32_t index, std::uint32_t) {
  return index < 4 ? Outcome::ok : Outcome::invalid_argument_index;
}

Made<Queue> FakeDevice::create_queue(const QueueShape&) { return made<FakeQueue, Queue>(FakeQueue()); }

Made<Event> FakeDevice::create_user_event() {
  FakeEvent event;
  event.user = true;
  return made<FakeEvent, Event>(std::move(event));
}

void FakeDevice::set_user_event(Event& event, bool) { FUZZ_CHECK(static_cast<FakeEvent&>(event).user); }

void FakeDevice::flush(Queue&) { finish(); }

// ---- commands ----

Submitted FakeDevice::write_buffer(const Submission& how, Memory& dst, std::uint64_t offset,
                                   std::span<const std::byte> src) {
  in_buffer(dst, offset, src.size());
  touch(src);
  return accept(how);
}

Submitted FakeDevice::read_buffer(const Submission& how, Memory& src, std::uint64_t offset, std::span<std::byte> dst) {
  in_buffer(src, offset, dst.size());
  touch(dst);
  return accept(how);
}

Submitted FakeDevice::copy_buffer(const Submission& how, Memory& src, std::uint64_t src_offset, Memory& dst,
                                  std::uint64_t dst_offset, std::uint64_t bytes) {
  in_buffer(src, src_offset, bytes);
  in_buffer(dst, dst_offset, bytes);
  return accept(how);
}

Submitted FakeDevice::fill_buffer(const Submission& how, Memory& dst, std::uint64_t offset, std::uint64_t bytes,
                                  std::span<const std::byte> pattern) {
  in_buffer(dst, offset, bytes);
  FUZZ_CHECK(!pattern.empty() && pattern.size() <= wire::fill_pattern_bytes_max);
  touch(pattern);
  return accept(how);
}

Submitted FakeDevice::write_buffer_rect(const Submission& how, Memory& dst, const BufferRows& rows,
                                        std::span<const std::byte> packed) {
  rows_in_buffer(dst, rows);
  FUZZ_CHECK(packed.size() == rows.region.x * rows.region.y * rows.region.z);
  touch(packed);
  return accept(how);
}

Submitted FakeDevice::read_buffer_rect(const Submission& how, Memory& src, const BufferRows& rows,
                                       std::span<std::byte> packed) {
  rows_in_buffer(src, rows);
  FUZZ_CHECK(packed.size() == rows.region.x * rows.region.y * rows.region.z);
  touch(packed);
  return accept(how);
}

Submitted FakeDevice::copy_buffer_rect(const Submission& how, Memory& src, const BufferRows& src_rows, Memory& dst,
                                       const BufferRows& dst_rows) {
  rows_in_buffer(src, src_rows);
  rows_in_buffer(dst, dst_rows);
  return accept(how);
}

Submitted FakeDevice::write_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                                  std::span<const std::byte> packed) {
  FUZZ_CHECK(packed.size() == in_image(dst, origin, region));
  touch(packed);
  return accept(how);
}

Submitted FakeDevice::read_image(const Submission& how, Memory& src, const Box& origin, const Box& region,
                                 std::span<std::byte> packed) {
  FUZZ_CHECK(packed.size() == in_image(src, origin, region));
  touch(packed);
  return accept(how);
}

Submitted FakeDevice::copy_image(const Submission& how, Memory& src, const Box& src_origin, Memory& dst,
                                 const Box& dst_origin, const Box& region) {
  in_image(src, src_origin, region);
  in_image(dst, dst_origin, region);
  return accept(how);
}

Submitted FakeDevice::fill_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                                 std::span<const std::uint32_t, 4>) {
  in_image(dst, origin, region);
  return accept(how);
}

Submitted FakeDevice::copy_image_to_buffer(const Submission& how, Memory& image, const Box& origin, const Box& region,
                                           Memory& to, std::uint64_t buffer_offset) {
  in_buffer(to, buffer_offset, in_image(image, origin, region));
  return accept(how);
}

Submitted FakeDevice::copy_buffer_to_image(const Submission& how, Memory& from, std::uint64_t buffer_offset,
                                           Memory& image, const Box& origin, const Box& region) {
  in_buffer(from, buffer_offset, in_image(image, origin, region));
  return accept(how);
}

Submitted FakeDevice::launch(const Submission& how, Kernel&, const Launch& launch) {
  FUZZ_CHECK(launch.dimensions >= 1 && launch.dimensions <= 3);
  for (const ArgumentRef& argument : launch.arguments) touch(argument.bytes);
  return accept(how);
}

Submitted FakeDevice::marker(const Submission& how) { return accept(how); }

Submitted FakeDevice::barrier(const Submission& how) { return accept(how); }

}  // namespace sluice::fuzz
