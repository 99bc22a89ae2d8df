#include "daemon/backends/opencl/submit.h"

namespace sluice::backend::opencl {

Made<Queue> OpenClDevice::create_queue(const QueueShape& shape) {
  const cl_device_id device = shape.units != 0 ? part(shape.first_unit, shape.units) : device_;
  if (device == nullptr) return {nullptr, Outcome::out_of_resources};
  auto made = make_queue(device, shape.out_of_order && traits_.out_of_order_queues);
  if (!made.ok()) return {nullptr, Outcome::out_of_resources};
  auto queue = std::make_unique<QueueObject>();
  queue->handle = made.take();
  if (quirks_.watch_queues) queue->watcher = std::make_unique<Watcher>(on_watched_end, latest_end_ns_);
  return {std::move(queue), Outcome::ok};
}

void OpenClDevice::flush(Queue& queue) {
  clock_.refresh();
  clFlush(static_cast<QueueObject&>(queue).handle.get());
}

Submitted OpenClDevice::write_buffer(const Submission& how, Memory& dst, std::uint64_t offset,
                                     std::span<const std::byte> src) {
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueWriteBuffer(queue, native(dst), CL_FALSE, offset, src.size(), src.data(), count, list, event);
  });
}

Submitted OpenClDevice::read_buffer(const Submission& how, Memory& src, std::uint64_t offset,
                                    std::span<std::byte> dst) {
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueReadBuffer(queue, native(src), CL_FALSE, offset, dst.size(), dst.data(), count, list, event);
  });
}

Submitted OpenClDevice::copy_buffer(const Submission& how, Memory& src, std::uint64_t src_offset, Memory& dst,
                                    std::uint64_t dst_offset, std::uint64_t bytes) {
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueCopyBuffer(queue, native(src), native(dst), src_offset, dst_offset, bytes, count, list, event);
  });
}

Submitted OpenClDevice::fill_buffer(const Submission& how, Memory& dst, std::uint64_t offset, std::uint64_t bytes,
                                    std::span<const std::byte> pattern) {
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueFillBuffer(queue, native(dst), pattern.data(), pattern.size(), offset, bytes, count, list, event);
  });
}

Submitted OpenClDevice::write_buffer_rect(const Submission& how, Memory& dst, const BufferRows& rows,
                                          std::span<const std::byte> packed) {
  const auto origin = native(rows.origin), region = native(rows.region);
  const std::array<std::size_t, 3> host_origin{};
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueWriteBufferRect(queue, native(dst), CL_FALSE, origin.data(), host_origin.data(), region.data(),
                                    rows.row_pitch, rows.slice_pitch, region[0], region[0] * region[1], packed.data(),
                                    count, list, event);
  });
}

Submitted OpenClDevice::read_buffer_rect(const Submission& how, Memory& src, const BufferRows& rows,
                                         std::span<std::byte> packed) {
  const auto origin = native(rows.origin), region = native(rows.region);
  const std::array<std::size_t, 3> host_origin{};
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueReadBufferRect(queue, native(src), CL_FALSE, origin.data(), host_origin.data(), region.data(),
                                   rows.row_pitch, rows.slice_pitch, region[0], region[0] * region[1], packed.data(),
                                   count, list, event);
  });
}

Submitted OpenClDevice::copy_buffer_rect(const Submission& how, Memory& src, const BufferRows& src_rows, Memory& dst,
                                         const BufferRows& dst_rows) {
  const auto from = native(src_rows.origin), to = native(dst_rows.origin), region = native(src_rows.region);
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueCopyBufferRect(queue, native(src), native(dst), from.data(), to.data(), region.data(),
                                   src_rows.row_pitch, src_rows.slice_pitch, dst_rows.row_pitch, dst_rows.slice_pitch,
                                   count, list, event);
  });
}

Submitted OpenClDevice::write_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                                    std::span<const std::byte> packed) {
  const auto at = native(origin), size = native(region);
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueWriteImage(queue, native(dst), CL_FALSE, at.data(), size.data(), 0, 0, packed.data(), count, list,
                               event);
  });
}

Submitted OpenClDevice::read_image(const Submission& how, Memory& src, const Box& origin, const Box& region,
                                   std::span<std::byte> packed) {
  const auto at = native(origin), size = native(region);
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueReadImage(queue, native(src), CL_FALSE, at.data(), size.data(), 0, 0, packed.data(), count, list,
                              event);
  });
}

Submitted OpenClDevice::copy_image(const Submission& how, Memory& src, const Box& src_origin, Memory& dst,
                                   const Box& dst_origin, const Box& region) {
  const auto from = native(src_origin), to = native(dst_origin), size = native(region);
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueCopyImage(queue, native(src), native(dst), from.data(), to.data(), size.data(), count, list, event);
  });
}

Submitted OpenClDevice::fill_image(const Submission& how, Memory& dst, const Box& origin, const Box& region,
                                   std::span<const std::uint32_t, 4> color) {
  const auto at = native(origin), size = native(region);
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueFillImage(queue, native(dst), color.data(), at.data(), size.data(), count, list, event);
  });
}

Submitted OpenClDevice::copy_image_to_buffer(const Submission& how, Memory& image, const Box& origin, const Box& region,
                                             Memory& buffer, std::uint64_t buffer_offset) {
  const auto at = native(origin), size = native(region);
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueCopyImageToBuffer(queue, native(image), native(buffer), at.data(), size.data(), buffer_offset,
                                      count, list, event);
  });
}

Submitted OpenClDevice::copy_buffer_to_image(const Submission& how, Memory& buffer, std::uint64_t buffer_offset,
                                             Memory& image, const Box& origin, const Box& region) {
  const auto at = native(origin), size = native(region);
  return submit(how, [&](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueCopyBufferToImage(queue, native(buffer), native(image), buffer_offset, at.data(), size.data(),
                                      count, list, event);
  });
}

Submitted OpenClDevice::marker(const Submission& how) {
  const auto enqueue = [](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueMarkerWithWaitList(queue, count, list, event);
  };
  return submit(how, enqueue, Touches::nothing);
}

Submitted OpenClDevice::barrier(const Submission& how) {
  const auto enqueue = [](cl_command_queue queue, cl_uint count, const cl_event* list, cl_event* event) {
    return clEnqueueBarrierWithWaitList(queue, count, list, event);
  };
  return submit(how, enqueue, Touches::nothing);
}

}  // namespace sluice::backend::opencl
